// Lists on the page that change: rows stay the same elements, so that a button keeps the focus and readers their place.

/** Make an element with a class and what is in it. */
export function make(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/** Set an element's text, if it is another one. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export class List {
  /** `row()` makes a row with `element` and `update(item)`. */
  constructor(row) {
    this.row = row;
    this.rows = new Map();
    this.title = make("h3");
    this.items = make("ul");
    this.note = make("p", "inhouse-note");
    this.element = make("section", "inhouse-section", this.title, this.items, this.note);
  }

  /** Show items, each known by its `key`; `note` stands below them. */
  show(title, items, key, note) {
    say(this.title, title);
    say(this.note, note);
    this.note.hidden = !note;
    const kept = new Map();
    items.forEach((item, place) => {
      const row = this.rows.get(item[key]) ?? this.row(item);
      row.update(item);
      kept.set(item[key], row);
      if (this.items.children[place] !== row.element) this.items.insertBefore(row.element, this.items.children[place]);
    });
    for (const [id, row] of this.rows) if (!kept.has(id)) row.element.remove();
    this.rows = kept;
  }
}
