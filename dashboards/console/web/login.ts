/** The login page: a token for a session. Served with its types stripped. */

const form = document.getElementById('login');
const error = document.getElementById('login-error');
const token = document.getElementById('token');
if (!(form instanceof HTMLFormElement && error && token instanceof HTMLInputElement)) throw new Error('no form');
const submit = form.querySelector('button');
// Before this script is there the form would be sent as forms are, which the console does not take.
if (submit) submit.disabled = false;

async function whyNot(response: Response): Promise<string> {
  const answer: { error?: string } = await response.json().catch(() => ({}));
  if (response.status === 401) return 'This token is not known here. It may be mistyped, or have been taken back.';
  return answer.error ?? `The console answered ${response.status}.`;
}

token.focus();
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  if (submit) submit.disabled = true;
  const response = await fetch('/api/v1/session', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token: token.value.trim() }),
  }).catch(() => null);
  if (response?.ok) {
    location.replace(`/${location.hash}`);
    return;
  }
  if (submit) submit.disabled = false;
  error.textContent = response ? await whyNot(response) : 'The console does not answer.';
  error.hidden = false;
  token.select();
});

// Whoever is logged in, or need not be, has no business here.
const known = await fetch('/api/v1/session').catch(() => null);
if (known?.ok) location.replace(`/${location.hash}`);

export {};
