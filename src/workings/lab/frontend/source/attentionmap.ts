// One head's pattern, large: a square for every pair of tokens, words along both sides, and a frame around what is pointed at.
import { h } from "./dom";
import { image, sharpen, styled } from "./heatmap";

export interface Pointed {
  row: number;
  column: number | null;
}

const LONGEST_LABEL = 8;
const PICTURE = 1200; // pixels: the room for one that is kept, unless its squares then are larger than these
const LARGEST = { shown: 3, kept: 5 }; // the side of a square, in letters' heights
const ALL_NAMED = 40; // up to so many tokens the map is scrolled rather than labels left out

const edge = (side: string): HTMLCanvasElement => h("canvas", { class: `map-edge ${side}`, "aria-hidden": "true" });

export class AttentionMap {
  readonly canvas = h("canvas", { class: "large-map", role: "img", tabindex: 0 });
  /** The map, and over its edges the words along them, which stay in sight while it is scrolled. */
  private readonly edges = { above: edge("above"), left: edge("left"), corner: edge("corner") };
  /** Lies over the cell that is to be seen. */
  private readonly spot = h("span", { class: "map-spot", "aria-hidden": "true" });
  readonly element = h("div", { class: "map-plane" }, this.canvas, ...Object.values(this.edges), this.spot);
  private cells: HTMLCanvasElement | null = null;
  private words: string[] = [];
  private margin = 0;
  private cell = 1;
  private text = 12;
  private numbers: ArrayLike<number> = [];

  constructor(private readonly largest = LARGEST.shown) {}

  /** Take in a head's numbers, `[words, words]`, and its name. */
  take(numbers: ArrayLike<number>, words: string[], name: string): void {
    const n = words.length;
    [this.numbers, this.words] = [numbers, words];
    this.canvas.setAttribute("aria-label", `${name}: rows look at columns. Arrow keys move, Enter shows the number.`);
    this.cells = image(numbers, n, n, 1);
    if (n > 1 && numbers[1] !== 0) return; // this model looks ahead
    const context = this.cells.getContext("2d")!;
    for (let row = 0; row < n; row++) context.clearRect(row + 1, row, n, 1);
  }

  /** The map as a picture to be kept, as large whatever the window is. */
  picture(name: string, here: Pointed): HTMLCanvasElement {
    const kept = new AttentionMap(LARGEST.kept);
    kept.take(this.numbers, this.words, name);
    kept.draw({ width: PICTURE, height: PICTURE }, here);
    kept.canvas.title = `${name}: rows look at columns`;
    return kept.canvas;
  }

  draw(room: { width: number; height: number }, here: Pointed): void {
    if (!this.cells) return;
    this.measure(room);
    const { cell, margin, words } = this;
    const n = words.length;
    const size = margin + cell * n;
    const context = sharpen(this.canvas, size, size);
    context.fillStyle = styled("--paper"); // for whoever keeps the picture
    context.fillRect(0, 0, size, size);
    context.drawImage(this.cells, margin, margin, cell * n, cell * n);
    if (cell >= 8) this.drawLines(context);
    this.drawLabels(context, here);
    context.strokeStyle = styled("--accent");
    context.lineWidth = cell < 6 ? 1 : 2;
    this.frame(context, here.row, 0, here.row + 1);
    if (here.column !== null) this.frame(context, here.row, here.column, 1);
    this.copy(this.edges.above, size, margin);
    this.copy(this.edges.left, margin, size);
    this.copy(this.edges.corner, margin, margin);
  }

  /** Put the map's upper left part, dot by dot, into a canvas over it. */
  private copy(onto: HTMLCanvasElement, width: number, height: number): void {
    const context = sharpen(onto, width, height);
    context.resetTransform();
    context.drawImage(this.canvas, 0, 0);
  }

  /** A frame around some cells of a row; around small ones it leaves them to be seen. */
  private frame(context: CanvasRenderingContext2D, row: number, column: number, count: number): void {
    const { cell, margin } = this;
    const gap = cell < 6 ? 1.5 : 0;
    context.strokeRect(margin + column * cell - gap, margin + row * cell - gap, count * cell + 2 * gap, cell + 2 * gap);
  }

  /** How far a room around the map is scrolled for a row's own cell to be its last. */
  cornerOf(row: number, room: HTMLElement): { left: number; top: number } {
    const end = this.margin + (row + 1) * this.cell + 4;
    return { left: end - room.clientWidth, top: end - room.clientHeight };
  }

  /** Scroll whatever scrolls until a cell is in sight, beside the words along the edges. */
  reveal({ row, column }: Pointed): void {
    const { cell, margin, spot } = this;
    const place = { left: margin + (column ?? 0) * cell, top: margin + row * cell, width: cell, height: cell, "scroll-margin-left": margin, "scroll-margin-top": margin };
    for (const [name, size] of Object.entries(place)) spot.style.setProperty(name, `${size}px`);
    spot.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** The cell under the mouse; a column of -1 is the words beside the map. */
  at(event: MouseEvent): { row: number; column: number } | null {
    const box = this.canvas.getBoundingClientRect();
    const place = (offset: number): number => Math.floor((offset - this.margin) / this.cell);
    const row = place(event.clientY - box.top);
    const n = this.words.length;
    return row >= 0 && row < n ? { row, column: Math.max(-1, Math.min(n - 1, place(event.clientX - box.left))) } : null;
  }

  private measure(room: { width: number; height: number }): void {
    const n = this.words.length;
    this.text = parseFloat(getComputedStyle(document.documentElement).fontSize) * 0.8;
    const longest = Math.min(LONGEST_LABEL, Math.max(2, ...this.words.map((word) => word.length)));
    this.margin = Math.round(longest * this.text * 0.62 + 14);
    const named = 1.35 * this.text;
    const [wide, high] = [(room.width - this.margin) / n, (room.height - this.margin) / n];
    // A map of many tokens takes all the width, and is scrolled down.
    const least = n <= ALL_NAMED ? named : Math.max(1, Math.min(named, wide));
    this.cell = Math.max(least, Math.min(this.largest * this.text, wide, high));
  }

  /** Squares around what can be looked at; what lies in a token's future cannot. */
  private drawLines(context: CanvasRenderingContext2D): void {
    const { cell, margin } = this;
    const n = this.words.length;
    context.strokeStyle = styled("--line");
    context.lineWidth = 1;
    for (let row = 0; row < n; row++)
      for (let column = 0; column <= row; column++) context.strokeRect(margin + column * cell + 0.5, margin + row * cell + 0.5, cell, cell);
  }

  /** As many words as there is room for, and always those that are pointed at. */
  private drawLabels(context: CanvasRenderingContext2D, here: Pointed): void {
    const every = Math.ceil((1.25 * this.text) / this.cell);
    const near = (i: number, place: number | null): boolean => place !== null && i !== place && Math.abs(i - place) < every;
    context.textBaseline = "middle";
    this.words.forEach((_, i) => {
      const regular = i % every === 0;
      if (i === here.row || (regular && !near(i, here.row))) this.label(context, i, false, i === here.row);
      if (i === here.column || (regular && !near(i, here.column))) this.label(context, i, true, i === here.column);
    });
  }

  private label(context: CanvasRenderingContext2D, i: number, above: boolean, strong: boolean): void {
    const word = this.words[i]!;
    const middle = this.margin + (i + 0.5) * this.cell;
    const size = this.cell < this.text ? this.text : Math.min(this.text, this.cell * 0.95);
    context.save();
    context.font = `${strong ? 600 : 400} ${size}px ${styled("--sans")}`;
    context.fillStyle = styled(strong ? "--accent" : "--soft");
    context.textAlign = above ? "left" : "right";
    if (above) {
      context.translate(middle, this.margin - 7);
      context.rotate(-Math.PI / 2);
    } else context.translate(this.margin - 7, middle);
    context.fillText(word.length > LONGEST_LABEL ? `${word.slice(0, LONGEST_LABEL - 1)}…` : word, 0, 0);
    context.restore();
  }
}
