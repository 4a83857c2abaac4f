import { describe, expect, it } from 'vitest';
import { AckWindow } from './ack_window.ts';

describe('AckWindow', () => {
  it('moves past the highest message up to which all were acknowledged', () => {
    const window = new AckWindow(5, 10);
    const acks = [5, 6, 9].map((offset) => window.deliver(offset));
    expect(acks[1]?.()).toBe(false);
    expect(acks[2]?.()).toBe(false);
    expect(window.position).toBe(5);
    expect(acks[0]?.()).toBe(true);
    expect(window.position).toBe(10);
    expect(acks[0]?.()).toBe(false);
  });

  it('has room for the limit of unacknowledged deliveries', () => {
    const window = new AckWindow(0, 2);
    const first = window.deliver(0);
    window.deliver(1);
    expect(window.hasRoom).toBe(false);
    first();
    expect(window.hasRoom).toBe(true);
  });

  it('does not grow for ever behind one that is never acknowledged', () => {
    const window = new AckWindow(0, 2);
    window.deliver(0);
    let delivered = 1;
    while (window.hasRoom && delivered < 1000) window.deliver(delivered++)();
    expect(delivered).toBe(20);
    expect(window.position).toBe(0);
  });

  it('skips a gap only when nothing is on its way', () => {
    const window = new AckWindow(0, 10);
    const ack = window.deliver(0);
    expect(window.skipTo(50)).toBe(false);
    ack();
    expect(window.skipTo(50)).toBe(true);
    expect(window.position).toBe(50);
    expect(window.skipTo(40)).toBe(false);
  });
});
