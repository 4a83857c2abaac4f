/** Paints the yard that the picture in README.md shows: no footage, no photograph, every line is drawn here. */
export const WIDTH = 960;
export const HEIGHT = 540;
export const FPS = 10;

export interface Scene {
  name: string;
  seconds: number;
  /** The picture at `t` seconds as SVG, WIDTH × HEIGHT. */
  paint: (t: number) => string;
}

interface Figure {
  /** Feet, px. */
  x: number;
  y: number;
  /** From sole to helmet, px. */
  height: number;
  /** Of the step: 0..1 is a whole stride. */
  phase: number;
  /** 1 walks right, -1 left, 0 stands facing us. */
  facing: -1 | 0 | 1;
  vest: string;
  helmet: string;
  trousers: string;
}

/** A worker in helmet and vest, lit from the upper left. Units inside are hundredths of the height. */
function worker(figure: Figure): string {
  const { x, y, height, phase, facing, vest, helmet, trousers } = figure;
  const swing = facing === 0 ? 0 : Math.sin(phase * 2 * Math.PI);
  const lift = facing === 0 ? 0 : Math.abs(Math.cos(phase * 2 * Math.PI)) * 1.2;
  const scale = height / 100;
  const side = facing === 0 ? 1 : facing;
  const leg = (angle: number, shade: string, offset: number): string => {
    const kneeX = offset + Math.sin(angle) * 23;
    const kneeY = -46 + Math.cos(angle) * 23;
    const bend = angle < 0 ? angle * 1.5 : angle * 0.5;
    const footX = kneeX + Math.sin(bend) * 22;
    const footY = kneeY + Math.cos(bend) * 22;
    return `<path d="M${offset} -48 L${kneeX} ${kneeY} L${footX} ${footY}" stroke="${shade}" stroke-width="8.5" fill="none" stroke-linecap="round" stroke-linejoin="round"/>
      <path d="M${footX - 3.6} ${footY + 3.4} q0 -5 3.6 -5 q3 0 4 2 l3.4 1.4 q1.6 .6 1.6 1.6z" fill="#1d1a17"/>`;
  };
  const arm = (angle: number, shade: string, offset: number): string => {
    const elbowX = offset + Math.sin(angle) * 15;
    const elbowY = -78 + Math.cos(angle) * 15;
    const handX = elbowX + Math.sin(angle + 0.45) * 13;
    const handY = elbowY + Math.cos(angle + 0.45) * 13;
    return `<path d="M${offset} -78 L${elbowX} ${elbowY} L${handX} ${handY}" stroke="${shade}" stroke-width="6" fill="none" stroke-linecap="round" stroke-linejoin="round"/>
      <circle cx="${handX}" cy="${handY}" r="2.9" fill="#c68e6c"/>`;
  };
  const front = facing === 0;
  const legs = front
    ? leg(0.05, trousers, 4.3) + leg(-0.05, trousers, -4.3)
    : leg(-swing * 0.5, shade(trousers, 0.7), 0) + leg(swing * 0.5, trousers, 0);
  const farArm = front ? arm(0.12, '#39465c', 10.5) : arm(swing * 0.55, '#2b3546', 0);
  const nearArm = front
    ? `<g transform="scale(-1 1)">${arm(0.12, '#39465c', 10.5)}</g>`
    : arm(-swing * 0.55, '#39465c', -1);
  const width = front ? 11.5 : 8;
  return `<g transform="translate(${x} ${y})">
    <ellipse cx="${height * 0.05}" cy="${-height * 0.012}" rx="${height * 0.2}" ry="${height * 0.045}" fill="#000" opacity=".32"/>
    <g transform="scale(${scale * side} ${scale}) translate(0 ${-3 - lift})">
      ${farArm}${legs}
      <path d="M${-width} -80 Q${-width} -86 -4 -86 L4 -86 Q${width} -86 ${width} -80 L${width - 1.5} -47 Q0 -44 ${-width + 1.5} -47z" fill="${vest}"/>
      <path d="M${width * 0.2} -86 L4 -86 Q${width} -86 ${width} -80 L${width - 1.5} -47 L${width * 0.2} -45.6z" fill="#000" opacity=".16"/>
      <path d="M${-width + 0.6} -63 L${width - 0.6} -63 M${-width + 1} -55 L${width - 1} -55" stroke="#e9edf0" stroke-width="2.6"/>
      ${front ? '<path d="M-6.5 -86 L-6.5 -46 M6.5 -86 L6.5 -46" stroke="#e9edf0" stroke-width="2.2"/>' : ''}
      ${nearArm}
      <rect x="-2.4" y="-90" width="4.8" height="6" fill="#b57f5f"/>
      <ellipse cx="${front ? 0 : 0.8}" cy="-93" rx="4.9" ry="5.8" fill="#cf9a78"/>
      <path d="M${front ? -4.6 : -4.6} -94 q-.4 5 2.4 7.6 l-2.6 -1.4 q-1.6 -3 -1 -6z" fill="#6b432e" opacity=".6"/>
      <path d="M-6 -94.4 a6 6.6 0 0 1 12 0 l${front ? 1 : 2.6} .9 h-${front ? 14 : 15}z" fill="${helmet}"/>
      <path d="M-4 -97 a5 5 0 0 1 5 -3.4" stroke="#fff" stroke-width="1" fill="none" opacity=".7"/>
    </g></g>`;
}

function shade(hex: string, factor: number): string {
  const parts = [1, 3, 5].map((at) => Math.round(Number.parseInt(hex.slice(at, at + 2), 16) * factor));
  return `#${parts.map((part) => part.toString(16).padStart(2, '0')).join('')}`;
}

/** Steel box with ribs, seen from the front. */
function container(x: number, y: number, width: number, height: number, color: string): string {
  const ribs = Array.from({ length: Math.floor(width / 9) }, (_, index) => {
    const at = x + 4 + index * 9;
    return `<path d="M${at} ${y + 4} V${y + height - 4}" stroke="#000" stroke-opacity=".22" stroke-width="3"/><path d="M${at + 3} ${y + 4} V${y + height - 4}" stroke="#fff" stroke-opacity=".12" stroke-width="1.5"/>`;
  }).join('');
  return `<g><rect x="${x}" y="${y}" width="${width}" height="${height}" fill="${color}"/>${ribs}
    <rect x="${x}" y="${y}" width="${width}" height="${height}" fill="none" stroke="#000" stroke-opacity=".45" stroke-width="3"/></g>`;
}

/** Forklift seen from the side, forks to the left; x, y is where the front wheel stands. */
function forklift(x: number, y: number, scale: number): string {
  return `<g transform="translate(${x} ${y}) scale(${scale})">
    <ellipse cx="40" cy="2" rx="80" ry="8" fill="#000" opacity=".35"/>
    <path d="M-62 -6 H-8 V-12 H-62z" fill="#3a3d41"/><path d="M-10 -150 H-2 V-4 H-10z" fill="#4a4e53"/><path d="M0 -150 H6 V-4 H0z" fill="#33363a"/>
    <rect x="-60" y="-52" width="46" height="38" fill="#8a6a43"/><path d="M-60 -40 H-14 M-60 -27 H-14 M-45 -52 V-14 M-29 -52 V-14" stroke="#5c4427" stroke-width="2"/>
    <path d="M6 -60 H50 Q62 -60 66 -74 H100 Q112 -74 112 -50 V-14 H6z" fill="#e0a020"/><path d="M6 -34 H112 V-14 H6z" fill="#000" opacity=".2"/>
    <path d="M14 -60 L22 -132 H84 L96 -74" fill="none" stroke="#26292d" stroke-width="6"/><path d="M16 -134 H92" stroke="#26292d" stroke-width="7"/>
    <path d="M40 -66 q0 -30 8 -32 h8 q8 2 8 32z" fill="#30343a"/>
    <circle cx="18" cy="-14" r="17" fill="#1b1c1e"/><circle cx="18" cy="-14" r="7" fill="#8d9298"/><circle cx="92" cy="-12" r="14" fill="#1b1c1e"/><circle cx="92" cy="-12" r="6" fill="#8d9298"/>
    <circle cx="54" cy="-142" r="5" fill="#ff9d2e"/></g>`;
}

/** Sensor noise, so that no two pictures are equal: a real camera never sends two. */
function grain(t: number): string {
  const seed = Math.round(t * FPS) % 97;
  return `<filter id="grain" x="0" y="0" width="100%" height="100%"><feTurbulence type="fractalNoise" baseFrequency=".8" numOctaves="1" seed="${seed}"/><feColorMatrix values="0 0 0 0 .5  0 0 0 0 .5  0 0 0 0 .5  0 0 0 .5 0"/></filter>
    <rect width="${WIDTH}" height="${HEIGHT}" filter="url(#grain)" opacity=".05"/>`;
}

function frame(ground: string, content: string, t: number): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}">
    <defs>
      <linearGradient id="sky" x2="0" y2="1"><stop offset="0" stop-color="#8fa9c0"/><stop offset="1" stop-color="#d5dde2"/></linearGradient>
      <linearGradient id="ground" x2="0" y2="1"><stop offset="0" stop-color="${shade(ground, 1.12)}"/><stop offset="1" stop-color="${shade(ground, 0.82)}"/></linearGradient>
      <linearGradient id="wall" x2="0" y2="1"><stop offset="0" stop-color="#b9bfc3"/><stop offset="1" stop-color="#8e959a"/></linearGradient>
      <radialGradient id="lens" r=".75"><stop offset=".6" stop-opacity="0"/><stop offset="1" stop-opacity=".3"/></radialGradient>
    </defs>${content}${grain(t)}<rect width="${WIDTH}" height="${HEIGHT}" fill="url(#lens)"/></svg>`;
}

const LOOK = { vest: '#e8622a', helmet: '#f1d13a', trousers: '#2d3a54' };
const OTHER = { vest: '#c6dd3c', helmet: '#eceff1', trousers: '#3c3f45' };

/** Once over the picture and back, standing outside it in between. */
const gate: Scene = {
  name: 'gate',
  seconds: 40,
  paint: (t) => {
    const walk = (from: number, to: number, begin: number, end: number): number =>
      from + ((to - from) * (t - begin)) / (end - begin);
    const people: string[] = [];
    if (t > 6 && t < 20)
      people.push(worker({ ...LOOK, x: walk(-60, 1020, 6, 20), y: 470, height: 235, phase: t * 1.1, facing: 1 }));
    if (t > 9 && t < 24)
      people.push(
        worker({ ...OTHER, x: walk(1010, -60, 9, 24), y: 400, height: 190, phase: t * 1.1 + 0.3, facing: -1 }),
      );
    return frame(
      '#71757a',
      `<rect width="${WIDTH}" height="210" fill="url(#sky)"/>
      <path d="M0 120 H330 V215 H0z" fill="url(#wall)"/><path d="M0 120 H330 V132 H0z" fill="#5d646a"/><rect x="60" y="150" width="90" height="65" fill="#4f565c"/><rect x="190" y="150" width="90" height="65" fill="#5a6167"/>
      ${container(420, 92, 190, 62, '#2f5d86')}${container(420, 154, 190, 62, '#a2452f')}${container(625, 154, 200, 62, '#5b7350')}${container(850, 100, 140, 116, '#8b8f94')}
      <rect y="212" width="${WIDTH}" height="330" fill="url(#ground)"/>
      <path d="M0 330 L960 300 L960 318 L0 352z" fill="#d8c65a" opacity=".75"/><path d="M0 512 L960 490 L960 516 L0 540z" fill="#d8c65a" opacity=".8"/>
      <path d="M300 212 L180 540 M640 212 L760 540" stroke="#fff" stroke-opacity=".35" stroke-width="5" stroke-dasharray="34 26"/>
      ${forklift(690, 330, 0.9)}${people.join('')}`,
      t,
    );
  },
};

const dock: Scene = {
  name: 'dock',
  seconds: 40,
  paint: (t) => {
    const people: string[] = [];
    if (t > 2 && t < 36)
      people.push(
        worker({
          ...OTHER,
          x: 330 + Math.min(1, Math.max(0, (t - 2) / 9)) * 190,
          y: 452,
          height: 225,
          phase: t * 1.1,
          facing: t < 11 ? 1 : 0,
        }),
      );
    return frame(
      '#8b8a85',
      `<rect width="${WIDTH}" height="270" fill="url(#wall)"/>
      ${[70, 370, 670].map((x) => `<rect x="${x}" y="70" width="220" height="196" fill="#3f464c"/>${Array.from({ length: 9 }, (_, row) => `<path d="M${x} ${80 + row * 21} h220" stroke="#59636b" stroke-width="5"/>`).join('')}<rect x="${x - 10}" y="58" width="240" height="14" fill="#2c3135"/><rect x="${x - 10}" y="250" width="14" height="40" fill="#d9a21b"/><rect x="${x + 216}" y="250" width="14" height="40" fill="#d9a21b"/>`).join('')}
      <rect y="266" width="${WIDTH}" height="276" fill="url(#ground)"/>
      <path d="M60 290 L20 540 M300 290 L290 540 M360 290 L352 540 M600 290 L614 540 M660 290 L676 540 M900 290 L948 540" stroke="#e7cf4c" stroke-width="7" opacity=".85"/>
      <g>${[0, 1, 2].map((n) => `<rect x="${90 + n * 8}" y="${420 - n * 26}" width="130" height="24" fill="#94703f" stroke="#5c4427" stroke-width="2"/>`).join('')}</g>${people.join('')}`,
      t,
    );
  },
};

const stores: Scene = {
  name: 'stores',
  seconds: 4,
  paint: (t) =>
    frame(
      '#6f7173',
      `<rect width="${WIDTH}" height="200" fill="url(#sky)"/>
      ${[0, 1, 2].map((row) => container(-30, 20 + row * 66, 240, 66, ['#2f5d86', '#5b7350', '#a2452f'][row] ?? '#8b8f94')).join('')}
      ${[0, 1].map((row) => container(750, 86 + row * 66, 240, 66, ['#a2452f', '#2f5d86'][row] ?? '#8b8f94')).join('')}
      ${container(330, 128, 140, 74, '#5b7350')}${container(480, 128, 140, 74, '#8b8f94')}
      <rect y="200" width="${WIDTH}" height="342" fill="url(#ground)"/>
      <path d="M330 202 L60 540 M630 202 L900 540" stroke="#d8c65a" stroke-width="9" opacity=".8"/>
      <path d="M480 230 V280 M480 320 V390 M480 440 V540" stroke="#fff" stroke-opacity=".5" stroke-width="7"/>`,
      t,
    ),
};

const crane: Scene = {
  name: 'crane',
  seconds: 4,
  paint: (t) =>
    frame(
      '#7d776c',
      `<rect width="${WIDTH}" height="330" fill="url(#sky)"/>
      <path d="M180 330 V30 M210 330 V30" stroke="#c98a1c" stroke-width="7"/>
      ${Array.from({ length: 10 }, (_, n) => `<path d="M180 ${30 + n * 30} L210 ${60 + n * 30} M210 ${30 + n * 30} L180 ${60 + n * 30}" stroke="#c98a1c" stroke-width="3"/>`).join('')}
      <path d="M90 44 H820 M90 62 H820" stroke="#c98a1c" stroke-width="6"/>
      ${Array.from({ length: 24 }, (_, n) => `<path d="M${96 + n * 30} 62 l15 -18 l15 18" stroke="#c98a1c" stroke-width="3" fill="none"/>`).join('')}
      <rect x="84" y="50" width="60" height="52" fill="#6c7277"/><path d="M640 62 V228" stroke="#222" stroke-width="3"/><path d="M600 252 L640 226 L680 252" stroke="#222" stroke-width="3" fill="none"/>
      <rect x="590" y="252" width="100" height="26" fill="#8f949a"/>
      <rect y="330" width="${WIDTH}" height="212" fill="url(#ground)"/>${container(120, 300, 190, 80, '#2f5d86')}${container(690, 310, 220, 92, '#a2452f')}`,
      t,
    ),
};

export const SCENES: readonly Scene[] = [gate, dock, stores, crane];
