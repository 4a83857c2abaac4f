import { expect, it } from 'vitest';
import { BanksmanError } from '../../runtime/errors.ts';
import { parseRtspUrl } from './url.ts';

it.each([
  ['rtsp://10.0.0.11/stream2', { tls: false, host: '10.0.0.11', port: 554, uri: 'rtsp://10.0.0.11/stream2' }],
  ['RTSPS://cam.example:8322', { tls: true, host: 'cam.example', port: 8322, uri: 'rtsps://cam.example:8322/' }],
  ['rtsp://[fe80::1]:8554/a?b=c', { host: 'fe80::1', port: 8554, uri: 'rtsp://[fe80::1]:8554/a?b=c' }],
])('reads %s', (text, parts) => {
  expect(parseRtspUrl(text)).toMatchObject(parts);
});

it('takes user info out, with @ and : in the password', () => {
  expect(parseRtspUrl('rtsp://u:p@ss:w%23rd@cam/x')).toMatchObject({
    uri: 'rtsp://cam/x',
    where: 'cam:554',
    credentials: { username: 'u', password: 'p@ss:w#rd' },
  });
});

it.each([
  'http://u:hunter2@cam/',
  'rtsp:/u:hunter2@cam',
  'rtsp://u:hunter2@',
  'rtsp://u:hunter2@cam:99999/',
  'rtsp://u:hunter2@cam/a b',
  'rtsp://u:hunter2@cam/x\r\nX: y',
  `rtsp://u:hunter2@cam/${'x'.repeat(3000)}`,
  '',
])('refuses what is no RTSP URL without repeating it (%#)', (text) => {
  try {
    parseRtspUrl(text);
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(BanksmanError);
    expect(error).toMatchObject({ code: 'RTSP_BAD_URL' });
    expect(String(error)).not.toContain('hunter2');
  }
});
