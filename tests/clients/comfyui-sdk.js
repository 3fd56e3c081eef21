// Usage: node comfyui-sdk.js HOST:PORT < workflow. Prints what @saintno/comfyui-sdk heard and got, as JSON.
import { CallWrapper, ComfyApi, PromptBuilder } from "@saintno/comfyui-sdk";
import { json } from "node:stream/consumers";

const api = new ComfyApi(`http://${process.argv[2]}`);
await api.init().waitForReady();
const workflow = new PromptBuilder(await json(process.stdin), [], ["images"]).setOutputNode("images", "7");
const steps = [];
const pictures = await new Promise((resolve, reject) => {
  new CallWrapper(api, workflow)
    .onProgress(({ value, max }) => steps.push([value, max]))
    .onFinished(({ images }) => resolve(Promise.all(images.images.map((image) => api.getImage(image)))))
    .onFailed(reject)
    .run();
});
const contents = await Promise.all(
  pictures.map(async (picture) => Buffer.from(await picture.arrayBuffer()).toString("base64")),
);
console.log(JSON.stringify({ steps, pictures: contents }));
process.exit(0); // its socket reconnects for ever
