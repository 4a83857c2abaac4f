import { Hono } from 'hono';
import { PICTURES_PATH, type PictureLinks } from '../../runtime/access/picture_links.ts';
import type { ObjectReader } from '../../runtime/stores/objects/types.ts';
import type { StateReader } from '../../runtime/stores/state/types.ts';
import type { AppEnv } from './access/access.ts';

export interface PicturesDeps {
  links: PictureLinks;
  state: StateReader;
  objects: ObjectReader;
}

/** Pictures for whoever has a link out of a message: that one, until the link ends, without a login. */
export function pictureRoutes({ links, state, objects }: PicturesDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  app.get(`${PICTURES_PATH}:id`, async (c) => {
    c.header('cache-control', 'private, no-store');
    c.header('x-robots-tag', 'noindex');
    const id = c.req.param('id');
    if (!(await links.holds(id, c.req.query('until'), c.req.query('mac')))) {
      return c.text('This link has ended, or is not whole. The picture is in the console.\n', 403);
    }
    const item = (await state.incident(id))?.evidence.findLast(({ kind }) => kind === 'snapshot');
    const bytes = item && (await objects.get(item.key));
    if (!bytes) return c.text('There is no picture of this incident, not yet or not any more.\n', 404);
    return c.body(new Uint8Array(bytes), 200, { 'content-type': 'image/jpeg' });
  });
  return app;
}
