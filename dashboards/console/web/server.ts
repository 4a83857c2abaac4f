export async function getJson<T>(path: string): Promise<T> {
  const response = await fetch(path);
  if (response.status === 401) location.assign(`/login${location.hash}`);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

/** Why the console did not do what it was asked. */
export async function whyNot(response: Response): Promise<string> {
  if (response.status === 401) return 'your session has ended. Log in again at /login.';
  const answer: { error?: string } = await response.json().catch(() => ({}));
  return (answer.error ?? String(response.status)).slice(0, 300);
}
