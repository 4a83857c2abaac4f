import { randomUUID } from 'node:crypto';
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Producer } from '../../runtime/bus/types.ts';
import type { Clock } from '../../runtime/clock.ts';
import { encodeJson } from '../../runtime/messages/codec.ts';
import { cameraKey } from '../../runtime/messages/topics.ts';
import type { Feedback, Mute } from '../../runtime/messages/types.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { RefusedEdit } from '../../runtime/refused_edit.ts';
import type { ObjectReader } from '../../runtime/stores/objects/types.ts';
import { type SpoolState, waiting } from '../../runtime/stores/objects/waiting.ts';
import { isStoreAway } from '../../runtime/stores/state/away.ts';
import type { CategoryFilter } from '../../runtime/stores/state/categories.ts';
import type { StateReader, StoredIncident } from '../../runtime/stores/state/types.ts';
import { fromTimestamp, toTimestamp } from '../../runtime/time.ts';
import type { Access, AppEnv } from './access/access.ts';
import { securedDocument } from './access/openapi.ts';
import { addSessionRoutes } from './access/session_routes.ts';
import type { CameraViews } from './cameras.ts';
import { addFleetRoutes, type FleetApiOptions } from './fleet_api.ts';
import * as schemas from './schemas.ts';
import type { StoreWatch } from './store_watch.ts';

export interface ApiOptions {
  site: string;
  version: string;
  clock: Clock;
  metrics: Metrics;
  state: StateReader;
  objects: ObjectReader;
  /** How long a link to the object store holds; 0: no links, the bytes go through the console. */
  linkExpiresS: number;
  evidence: () => SpoolState;
  producer: Producer;
  cameras: CameraViews;
  store: StoreWatch;
  access: Access;
  fleet: FleetApiOptions;
  refusedEdit: () => Promise<RefusedEdit | null>;
}

/** How long a POST waits to see its own effect before it answers 202 instead of 200. */
const EFFECT_MS = 2_000;
const CONTENT_TYPES = {
  snapshot: 'image/jpeg',
  annotated: 'image/jpeg',
  clip: 'video/mp4',
  record: 'application/json',
} as const;
const MAX_MUTE_MS = 31 * 86_400_000;
const NOBODY = 'by: say who';

const json = <T extends z.ZodType>(schema: T, description: string) => ({
  description,
  content: { 'application/json': { schema } },
});
const problem = (description: string) => json(schemas.problem, description);
const incidentParam = z.object({ id: z.string().min(1).max(128) });
const cameraParam = z.object({ id: z.string().min(1).max(64) });

/** The HTTP API of CONTRACTS, HTTP, with its OpenAPI document at `/openapi.json`. Paths begin with `/api/v1`. */
export function createApi(options: ApiOptions): OpenAPIHono<AppEnv> {
  const { site, state, objects, linkExpiresS, producer, clock, metrics, cameras } = options;
  const api = new OpenAPIHono<AppEnv>({
    defaultHook: (result, c) => {
      if (result.success) return;
      const issue = result.error.issues[0];
      return refuse(c, 400, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`);
    },
  });

  addSessionRoutes(api, options.access);
  addFleetRoutes(api, options.fleet);

  const send = async (feedback: Omit<Feedback, 'id' | 'site' | 'at'>): Promise<Feedback> => {
    const record: Feedback = { id: randomUUID(), site, at: toTimestamp(clock.now()), ...feedback };
    await producer.send('feedback.v1', { key: cameraKey(site, record.camera ?? '*'), value: encodeJson(record) });
    return record;
  };

  /** Until the state sink has stored it, or the time is up. It is on the bus: a store that is away only delays it. */
  const seen = async <T>(look: () => Promise<T | undefined>): Promise<T | undefined> => {
    const end = clock.monotonic() + EFFECT_MS;
    for (;;) {
      const found = await look().catch((error: unknown) => {
        if (!isStoreAway(error)) throw error;
        return undefined;
      });
      if (found !== undefined || clock.monotonic() > end) return found;
      await clock.sleep(50);
    }
  };

  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/cameras',
      summary: 'Every configured camera, its state and why',
      responses: { 200: json(schemas.site, 'The cameras, sorted by id') },
    }),
    async (c) => {
      const [refusedEdit, stateStore, all] = await Promise.all([
        options.refusedEdit(),
        options.store.look(),
        cameras.all(),
      ]);
      const now = toTimestamp(clock.now());
      const evidence = waiting(options.evidence());
      return c.json({ site, version: options.version, now, refusedEdit, evidence, stateStore, cameras: all }, 200);
    },
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/cameras/{id}/snapshot.jpg',
      summary: 'Last picture that was looked at',
      request: { params: cameraParam },
      responses: {
        200: { description: 'JPEG', content: { 'image/jpeg': { schema: schemas.binary } } },
        404: problem('No such camera, or no picture yet'),
      },
    }),
    async (c) => {
      const picture = await state.picture(site, c.req.valid('param').id);
      if (!picture) return refuse(c, 404, 'no picture of this camera yet');
      return c.body(new Uint8Array(picture.jpeg), 200, {
        'content-type': 'image/jpeg',
        'cache-control': 'no-store',
        'x-capture-time': picture.captureTime,
      });
    },
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/cameras/{id}/coverage',
      summary: 'Was the camera watched? Adjoining intervals of capture time',
      request: { params: cameraParam, query: z.object({ from: schemas.time, to: schemas.time }) },
      responses: { 200: json(schemas.coverage, 'Intervals, oldest first'), 400: problem('Not an interval') },
    }),
    async (c) => {
      const { from, to } = c.req.valid('query');
      if (!(Date.parse(from) < Date.parse(to))) return refuse(c, 400, 'from must be before to');
      const intervals = await state.coverage(site, c.req.valid('param').id, iso(from), iso(to));
      return c.json({ intervals }, 200);
    },
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/incidents',
      summary: 'Incidents, newest first',
      request: { query: schemas.incidentQuery },
      responses: { 200: json(schemas.incidentPage, 'A page'), 400: problem('A filter that is not valid') },
    }),
    async (c) => {
      const { from, to, limit, cursor, ...filter } = c.req.valid('query');
      const page = await state.incidents({
        site,
        limit: limit ?? 50,
        ...filterOf(filter),
        ...(from === undefined ? {} : { from: iso(from) }),
        ...(to === undefined ? {} : { to: iso(to) }),
        ...(cursor === undefined ? {} : { cursor }),
      });
      return c.json({ incidents: page.incidents, next: page.cursor }, 200);
    },
  );

  // Before the one incident, whose id could be that word.
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/incidents/categories',
      summary: 'How many incidents there are by camera, rule, zone, type, severity and label',
      description:
        'Each list is counted under the filters of the others: what may be chosen next. Most frequent first.',
      request: { query: schemas.categoryQuery },
      responses: { 200: json(schemas.categories, 'A list of each'), 400: problem('A filter that is not valid') },
    }),
    async (c) => c.json(await state.categories({ site, ...filterOf(c.req.valid('query')) }), 200),
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/incidents/{id}',
      summary: 'One incident',
      request: { params: incidentParam },
      responses: { 200: json(schemas.incident, 'The incident'), 404: problem('No such incident') },
    }),
    async (c) => {
      const incident = await state.incident(c.req.valid('param').id);
      return incident ? c.json(incident, 200) : refuse(c, 404, 'no such incident');
    },
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/incidents/{id}/evidence/{kind}',
      summary: 'Newest evidence of a kind',
      request: { params: z.object({ id: z.string(), kind: z.enum(['snapshot', 'annotated', 'clip', 'record']) }) },
      responses: {
        200: { description: 'The file', content: { 'application/octet-stream': { schema: schemas.binary } } },
        302: { description: 'Where the file is, for a while' },
        404: problem('No such incident or evidence'),
      },
    }),
    async (c) => {
      const { id, kind } = c.req.valid('param');
      const incident = await state.incident(id);
      const item = incident?.evidence.findLast((one) => one.kind === kind);
      const link = item && linkExpiresS > 0 ? await objects.presign(item.key, linkExpiresS) : null;
      if (link !== null) {
        // So that a picture that is shown again comes from the browser's cache.
        c.header('cache-control', `private, max-age=${Math.floor(linkExpiresS / 2)}`);
        return c.redirect(link, 302);
      }
      const bytes = item ? await objects.get(item.key) : undefined;
      if (!item || !bytes) return refuse(c, 404, `no ${kind} of this incident`);
      return c.body(new Uint8Array(bytes), 200, {
        'content-type': CONTENT_TYPES[kind],
        etag: `"${item.sha256}"`,
        // Named by content on the page: a better picture of the peak has another query.
        'cache-control': 'private, max-age=3600',
      });
    },
  );

  for (const action of ['acknowledge', 'reject'] as const) {
    api.openapi(
      createRoute({
        method: 'post',
        path: `/api/v1/incidents/{id}/${action}`,
        summary: action === 'acknowledge' ? 'Somebody takes care of it' : 'It is not what the rule is meant for',
        request: { params: incidentParam, body: { required: true, ...json(schemas.judgement, 'Who and why') } },
        responses: {
          200: json(schemas.incident, 'The incident with the judgement'),
          202: json(schemas.incident, 'Taken; the incident does not show it yet'),
          400: problem('Who is missing'),
          404: problem('No such incident'),
        },
      }),
      async (c) => {
        const { id } = c.req.valid('param');
        const { by: said, note } = c.req.valid('json');
        const by = c.get('caller').name ?? said;
        if (by === undefined) return refuse(c, 400, NOBODY);
        const incident = await state.incident(id);
        if (!incident) return refuse(c, 404, 'no such incident');
        const feedback = await send({
          incident: id,
          camera: incident.camera,
          action,
          by,
          note: note ?? null,
          mute: null,
        });
        if (!incident.acknowledged && !incident.rejected) {
          const seconds = Math.max(0, fromTimestamp(feedback.at) - fromTimestamp(incident.openedAt)) / 1_000;
          metrics.observe('time_to_acknowledge_seconds', seconds, { severity: incident.severity });
        }
        const judged = await seen(async () => {
          const now = await state.incident(id);
          return judgementOf(now, action) === feedback.at ? now : undefined;
        });
        return judged ? c.json(judged, 200) : c.json(incident, 202);
      },
    );
  }

  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/mutes',
      summary: 'Mutes that silence messages now',
      responses: { 200: json(schemas.mutes, 'Newest first') },
    }),
    async (c) => c.json({ mutes: await state.mutes(toTimestamp(clock.now())) }, 200),
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/mutes',
      summary: 'Silence messages (never incidents) by camera, zone or rule, until a time',
      request: { body: { required: true, ...json(schemas.muteRequest, 'What, until when, why, who') } },
      responses: { 201: json(schemas.mute, 'The mute'), 400: problem('Nothing to mute, or no end within 31 days') },
    }),
    async (c) => {
      const { camera, zone, rule, until, reason, by: said } = c.req.valid('json');
      const by = c.get('caller').name ?? said;
      if (by === undefined) return refuse(c, 400, NOBODY);
      const now = clock.now();
      if (!camera && !zone && !rule) return refuse(c, 400, 'name a camera, a zone or a rule');
      if (!(Date.parse(until) > now && Date.parse(until) <= now + MAX_MUTE_MS)) {
        return refuse(c, 400, 'until must lie in the future, within 31 days');
      }
      const mute: Mute = {
        id: randomUUID(),
        camera: camera ?? null,
        zone: zone ?? null,
        rule: rule ?? null,
        until: iso(until),
        reason,
        by,
        at: toTimestamp(now),
      };
      await send({ incident: null, camera: mute.camera, action: 'mute', by, note: reason, mute });
      await seen(async () => (await state.mutes()).find((known) => known.id === mute.id));
      return c.json(mute, 201);
    },
  );

  api.openapi(
    createRoute({
      method: 'delete',
      path: '/api/v1/mutes/{id}',
      summary: 'End a mute',
      request: { params: incidentParam, query: z.object({ by: schemas.by }) },
      responses: { 204: { description: 'Ended' }, 400: problem('Who is missing'), 404: problem('No such mute') },
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const by = c.get('caller').name ?? c.req.valid('query').by;
      if (by === undefined) return refuse(c, 400, NOBODY);
      const active = async () => (await state.mutes(toTimestamp(clock.now()))).find((known) => known.id === id);
      const mute = await active();
      if (!mute) return refuse(c, 404, 'no such mute is active');
      await send({ incident: null, camera: mute.camera, action: 'unmute', by, note: null, mute });
      await seen(async () => ((await active()) ? undefined : true));
      return c.body(null, 204);
    },
  );

  const info = {
    title: 'banksman',
    version: options.version,
    description: 'Cameras, incidents, evidence and mutes of one site.',
  };
  api.get('/openapi.json', (c) => c.json(securedDocument(api, { openapi: '3.1.0', info }, options.access.hasAccounts)));
  return api;
}

type Given<T> = { [K in keyof T]?: T[K] | undefined };

/** What was given, and nothing else. */
function filterOf({ camera, rule, state, severity }: Given<CategoryFilter>): CategoryFilter {
  return {
    ...(camera === undefined ? {} : { camera }),
    ...(rule === undefined ? {} : { rule }),
    ...(state === undefined ? {} : { state }),
    ...(severity === undefined ? {} : { severity }),
  };
}

function judgementOf(incident: StoredIncident | undefined, action: 'acknowledge' | 'reject'): string | undefined {
  return (action === 'acknowledge' ? incident?.acknowledged : incident?.rejected)?.at;
}

function iso(time: string): string {
  return toTimestamp(Date.parse(time));
}

function refuse<Status extends 400 | 404>(c: Context, status: Status, message: string) {
  return c.json({ error: message }, status);
}
