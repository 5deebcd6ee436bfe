// What lies over the page: drawers, dialogs, menus and short notes.
import { html, useEffect, useRef, useState } from "../vendor/htm-preact-3.1.1.js";
import { Icon } from "./icon.js";

/** Show a dialog over the page; `isDrawer` puts it to the right. */
export function Dialog({ title, onClose, isDrawer, children }) {
  const box = useRef();
  useEffect(() => {
    const opener = document.activeElement;
    const dialog = box.current;
    dialog.showModal();
    return () => {
      // NOTE: while the dialog is open, nothing outside of it can have the focus.
      dialog.close();
      opener?.focus?.({ preventScroll: true });
    };
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    onClose();
  };
  return html`<dialog
    ref=${box}
    class=${isDrawer ? "drawer" : "dialog"}
    aria-label=${title}
    onCancel=${cancel}
    onMouseDown=${(event) => event.target === box.current && onClose()}>
    <div class="dialog-body">
      <header>
        <h2>${title}</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick=${onClose}>
          <${Icon} name="close" />
        </button>
      </header>
      ${children}
    </div>
  </dialog>`;
}

/** A button that opens a few actions: `items` is `[{text, icon, run}]`. */
export function Menu({ label, icon = "more", items }) {
  const [isOpen, setIsOpen] = useState(false);
  const box = useRef();
  const focus = (index) => {
    const rows = [...box.current.querySelectorAll("[role=menuitem]")];
    rows.at(index % rows.length)?.focus();
  };
  useEffect(() => void (isOpen && focus(0)), [isOpen]);
  const close = () => {
    setIsOpen(false);
    box.current.querySelector("button").focus();
  };
  const press = (event) => {
    if (!isOpen) return;
    const rows = [...box.current.querySelectorAll("[role=menuitem]")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) focus(rows.indexOf(document.activeElement) + step);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return html`<div
    class="menu"
    ref=${box}
    onKeyDown=${press}
    onFocusOut=${(event) => !box.current.contains(event.relatedTarget) && setIsOpen(false)}>
    <button
      type="button"
      class="button"
      aria-haspopup="menu"
      aria-expanded=${isOpen}
      onClick=${() => setIsOpen(!isOpen)}>
      <${Icon} name=${icon} />${label}
    </button>
    ${
      isOpen &&
      html`<div class="popover menu-pop" role="menu" aria-label=${label}>
        ${items
          .filter(Boolean)
          .map(
            (item) =>
              html`<button type="button" role="menuitem" tabindex="-1" onClick=${() => (close(), item.run())}>
                <${Icon} name=${item.icon} size="16" />${item.text}
              </button>`,
          )}
      </div>`
    }
  </div>`;
}

/** Show a short note at the bottom of the page. */
export const toast = (text) => dispatchEvent(new CustomEvent("toast", { detail: text }));

/** Where short notes appear; screen readers hear them. */
export function Toast() {
  const [text, setText] = useState("");
  useEffect(() => {
    let timer;
    const show = ({ detail }) => {
      setText(detail);
      clearTimeout(timer);
      timer = setTimeout(() => setText(""), 4_000);
    };
    addEventListener("toast", show);
    return () => removeEventListener("toast", show);
  }, []);
  return html`<div class="toast" role="status">${text && html`<p>${text}</p>`}</div>`;
}
