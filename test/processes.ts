import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { until } from './wait.ts';

export interface ProcessInfo {
  pid: number;
  parent: number;
  args: string[];
}

/** Every process of the machine, from /proc; those that end meanwhile are left out. */
export function processes(): ProcessInfo[] {
  const found: ProcessInfo[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (state === 'Z') continue;
      const args = readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0').filter(Boolean);
      found.push({ pid: Number(entry), parent: Number(parent), args });
    } catch {
      // ended between the two looks
    }
  }
  return found;
}

/** The process and all below it. */
export function family(pid: number): ProcessInfo[] {
  const all = processes();
  const members = all.filter((info) => info.pid === pid);
  for (let at = 0; at < members.length; at += 1) {
    members.push(...all.filter((info) => info.parent === members[at]?.pid));
  }
  return members;
}

export function isAlive(pid: number): boolean {
  return processes().some((info) => info.pid === pid);
}

/** Resident bytes. */
export function residentBytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1] ?? 0) * 1024;
}

/** Open file descriptors, with what they point to. */
export function descriptors(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return [];
    }
  });
}

/** User and system seconds that the process has used. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** What the process was started with, as the kernel has it; empty when it is gone. */
export function environment(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return '';
  }
}

/**
 * Ctrl-C as a terminal sends it: to everybody in the group that `pid` leads. Resolves when nobody of its family is
 * left. @throws when somebody is, or when it had no family to begin with.
 */
export async function interruptGroup(pid: number): Promise<void> {
  const members = await until('its family', () => {
    const now = family(pid);
    return now.length > 1 && now;
  });
  process.kill(-pid, 'SIGINT');
  await until('nobody is left', () => !members.some((member) => isAlive(member.pid)));
}
