// Usage: node stable-canvas.js HOST:PORT < workflow. Prints what @stable-canvas/comfyui-client heard and got, as JSON.
import { Client } from "@stable-canvas/comfyui-client";
import { json } from "node:stream/consumers";
import WebSocket from "ws";

const client = new Client({ api_host: process.argv[2], WebSocket, fetch });
client.connect();
const steps = [];
const result = await client.enqueue(await json(process.stdin), {
  progress: ({ value, max }) => steps.push([value, max]),
});
const pictures = await Promise.all(
  result.images.map(async (image) =>
    Buffer.from(image.type === "url" ? await (await fetch(image.data)).arrayBuffer() : image.data).toString("base64"),
  ),
);
client.close();
console.log(JSON.stringify({ steps, pictures }));
