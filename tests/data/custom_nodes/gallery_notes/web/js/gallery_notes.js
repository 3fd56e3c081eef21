import { app } from "/scripts/app.js";
import { api } from "/scripts/api.js";

app.registerExtension({
  name: "gallery.notes",
  async setup() {
    api.addEventListener("gallery_notes.added", ({ detail }) => {
      document.documentElement.dataset.galleryNote = detail.note;
    });
    const response = await api.fetchApi("/gallery_notes/notes");
    const { notes } = await response.json();
    document.documentElement.dataset.galleryNotes = String(notes.length);
  },
  async nodeCreated(node) {
    if (node.comfyClass === "GalleryNote") {
      node.title = "A note";
    }
  },
});
