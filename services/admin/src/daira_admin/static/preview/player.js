// One video of the circle: plays while it is in view, tells what is really on the screen, measures the time watched.

import { tell } from "./events.js";
import { word } from "./words.js";

const NATIVE = "application/vnd.apple.mpegurl";
let muted = true;

export class Player {
  /** `facts(text)` hears the rendition on the screen; `card` gets the class `paused`. */
  constructor(card, video, post, facts) {
    Object.assign(this, { card, video, post, facts, hls: null, watched: 0, loops: 0, last: null });
    video.addEventListener("timeupdate", () => this.measure());
    video.addEventListener("seeking", () => { this.last = null; });
    video.addEventListener("ended", () => this.again());
    video.addEventListener("play", () => card.classList.remove("paused"));
    video.addEventListener("pause", () => card.classList.add("paused"));
  }

  load() {
    if (this.hls || this.video.src) return;
    const { hlsUrl } = this.post.video;
    if (window.Hls?.isSupported()) {
      this.hls = new window.Hls({ capLevelToPlayerSize: false, maxBufferLength: 12, startLevel: -1 });
      this.hls.on(window.Hls.Events.LEVEL_SWITCHED, (_, { level }) => this.rendition(this.hls.levels[level]));
      this.hls.on(window.Hls.Events.ERROR, (_, error) => { if (error.fatal) this.recover(error); });
      this.hls.loadSource(hlsUrl);
      this.hls.attachMedia(this.video);
    } else if (this.video.canPlayType(NATIVE)) {
      this.video.src = hlsUrl;
    }
  }

  async enter() {
    this.load();
    this.video.muted = muted;
    tell({ eventType: "VIEW", entityType: "POST", entityId: this.post.id, metadata: {} });
    await this.play();
  }

  leave() {
    this.video.pause();
    this.report();
  }

  async play() {
    try {
      await this.video.play();
    } catch {
      this.card.classList.add("paused"); // the browser wants a gesture first
    }
  }

  toggle() {
    if (this.video.paused) this.play();
    else this.video.pause();
  }

  sound() {
    muted = !muted;
    for (const video of document.querySelectorAll("video")) video.muted = muted;
    return muted;
  }

  drop() {
    this.leave();
    this.hls?.destroy();
  }

  measure() {
    const time = this.video.currentTime;
    if (this.last !== null && time > this.last) this.watched += time - this.last;
    this.last = time;
    this.card.style.setProperty("--at", `${(100 * time) / (this.video.duration || 1)}%`);
  }

  again() {
    this.loops += 1;
    this.report();
    this.last = null;
    this.video.currentTime = 0;
    this.play();
  }

  report() {
    if (this.watched < 0.25) return;
    const metadata = { watchTime: Number(this.watched.toFixed(3)), duration: this.video.duration || undefined, loops: this.loops };
    tell({ eventType: "WATCH", entityType: "VIDEO", entityId: this.post.id, metadata });
    this.watched = 0;
  }

  rendition({ width, height, bitrate }) {
    this.facts(`${Math.min(width, height)}p · ${Math.round(bitrate / 1000)} kbit/s`);
    this.card.classList.toggle("tall", height > width);
  }

  recover({ type }) {
    if (type === window.Hls.ErrorTypes.MEDIA_ERROR) this.hls.recoverMediaError();
    else this.facts(word("broken"));
  }
}
