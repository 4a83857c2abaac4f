/** What the page is made of. */

export function find<T extends HTMLElement>(id: string, kind: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`no #${id}`);
  return element;
}

type Child = Node | string | null;

export function make(tag: string, className: string, ...children: Child[]): HTMLElement {
  const element = document.createElement(tag);
  if (className !== '') element.className = className;
  // Text nodes only: names and notes come from people and cameras.
  element.append(...children.filter((child): child is Node | string => child !== null));
  return element;
}

export function button(text: string, run: () => void): HTMLElement {
  const element = make('button', '', text);
  element.setAttribute('type', 'button');
  element.addEventListener('click', run);
  return element;
}

export function link(href: string, text: string): HTMLElement {
  const element = make('a', '', text);
  element.setAttribute('href', href);
  return element;
}
