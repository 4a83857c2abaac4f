/**
 * What changes the store, as scripts: each runs whole or not at all on the node that holds its part, so two
 * sinks that write at once end as one after the other. Input is JSON; numbers that are written are passed as
 * text, because Lua would write them in its own way.
 */
import { script } from './redis_connection.ts';

/** Of the layout of the keys; another is not read. */
export const STATE_VERSION = 1;

/** Of an incident's index entries that consoles have not read yet. A console further behind reads all again. */
const MAX_CHANGES = 10_000;
/** Of one camera's coverage. Beyond it the oldest go, and count as not recorded. */
const MAX_INTERVALS = 10_000;
/** Nothing takes this long between two batches of a rebuild; one that does was given up. */
export const REBUILD_LEASE_MS = 60_000;

/**
 * `taken` moves a partition on only where everything before is known here, and answers 1 where it is not: then this
 * part has lost something. During a rebuild nothing moves; the answer is 1 when the part forgot the rebuild.
 */
const TAKE = `
local function take(key, input)
  if input.rebuild then
    if redis.call('HEXISTS', key, 'rebuild:' .. input.rebuild) == 0 then return 1 end
    redis.call('HSET', key, 'rebuild:' .. input.rebuild, input.now)
    return 0
  end
  local behind = 0
  for _, one in ipairs(input.taken) do
    local stored = redis.call('HGET', key, one.field)
    local at = stored and tonumber(string.match(stored, '^%-?%d+')) or -1
    if at < tonumber(one.after) then behind = 1
    elseif at < tonumber(one.offset) then redis.call('HSET', key, one.field, one.offset .. ' ' .. one.timestamp) end
  end
  return behind
end
`;

/** ARGV: name of the rebuild, now. */
export const BEGIN_REBUILD = script(`redis.call('HSET', KEYS[1], 'rebuild:' .. ARGV[1], ARGV[2]) return 1`);

/** KEYS: taken, changes or none. ARGV: name of the rebuild, JSON of what is taken now. Answers 0 when the part forgot it. */
export const END_REBUILD = script(`
if redis.call('HDEL', KEYS[1], 'rebuild:' .. ARGV[1]) == 0 then return 0 end
for _, one in ipairs(cjson.decode(ARGV[2])) do
  local stored = redis.call('HGET', KEYS[1], one.field)
  local at = stored and tonumber(string.match(stored, '^%-?%d+')) or -1
  if at < tonumber(one.offset) then redis.call('HSET', KEYS[1], one.field, one.offset .. ' ' .. one.timestamp) end
end
if KEYS[2] then redis.call('XADD', KEYS[2], 'MAXLEN', '~', ${MAX_CHANGES}, '*', 'i', '*') end
return 1
`);

/**
 * KEYS: as \`Keys.camera\`, pictures, picture_times, then the histories that changes name by their place.
 * A replay never puts older live state over newer; otherwise the last word holds, also after a clock set back.
 */
export const APPLY_CAMERAS = script(`${TAKE}
local taken, status, coverage, watched, histories = unpack(KEYS, 1, 5)
local input = cjson.decode(ARGV[1])
local behind = take(taken, input)
local replay = input.rebuild

local function add_piece(key, from, to, w, reason)
  local before = redis.call('ZREVRANGEBYSCORE', key, '(' .. from, '-inf', 'LIMIT', 0, 1)[1]
  if before then
    local f, t, bw, breason = string.match(before, '^(%-?%d+) (%-?%d+) (%d) (.*)$')
    if t == from and bw == w and breason == reason then
      redis.call('ZREM', key, before)
      from = f
    end
  end
  -- Two sinks may tell of neighbours in either order.
  local next = redis.call('ZRANGEBYSCORE', key, to, to, 'LIMIT', 0, 1)[1]
  if next then
    local t, nw, nreason = string.match(next, '^%-?%d+ (%-?%d+) (%d) (.*)$')
    if nw == w and nreason == reason then
      redis.call('ZREM', key, next)
      to = t
    end
  end
  redis.call('ZADD', key, from, from .. ' ' .. to .. ' ' .. w .. ' ' .. reason)
end

-- Adds what no interval covers yet: what was recorded first stays.
local function add_coverage(key, from, to, w, reason)
  local pieces = redis.call('ZRANGEBYSCORE', key, '(' .. from, '(' .. to)
  local first = redis.call('ZREVRANGEBYSCORE', key, from, '-inf', 'LIMIT', 0, 1)[1]
  if first then table.insert(pieces, 1, first) end
  local added, at, stop = false, from, to
  for _, piece in ipairs(pieces) do
    local f, t = string.match(piece, '^(%-?%d+) (%-?%d+)')
    if tonumber(t) > tonumber(at) then
      if tonumber(f) > tonumber(at) then
        add_piece(key, at, f, w, reason)
        added = true
      end
      at = t
    end
  end
  if tonumber(at) < tonumber(stop) then
    add_piece(key, at, stop, w, reason)
    added = true
  end
  return added
end

local function newer(key, field, at)
  local stored = replay and redis.call('HGET', key, field)
  return not stored or tonumber(string.match(stored, '^%-?%d+')) < tonumber(at)
end

local done = 0
for _, c in ipairs(input.changes) do
  local field, news = c.camera, false
  if c.kind == 'status' then
    local stored = redis.call('HGET', status, field)
    local epoch, updated = -1, ''
    if stored then
      epoch, updated = string.match(stored, '^(%-?%d+) (%S+) ')
      epoch = tonumber(epoch)
    end
    local own = tonumber(c.epoch)
    if own > epoch or (own == epoch and (not replay or c.updated > updated)) then
      redis.call('HSET', status, field, c.epoch .. ' ' .. c.updated .. ' ' .. c.json)
      news = true
    end
  elseif c.kind == 'removed' then
    for _, key in ipairs({status, coverage, watched, KEYS[6], KEYS[7]}) do
      if redis.call('HDEL', key, field) == 1 then news = true end
    end
  else
    local history = KEYS[c.history]
    if newer(coverage, field, c.to) then redis.call('HSET', coverage, field, c.to .. ' ' .. c.json) end
    if c.w == '1' and newer(watched, field, c.to) then redis.call('HSET', watched, field, c.to .. ' ' .. c.iso) end
    news = add_coverage(history, c.from, c.to, c.w, c.reason)
    redis.call('SADD', histories, field)
    local excess = redis.call('ZCARD', history) - ${MAX_INTERVALS}
    if excess > 0 then redis.call('ZREMRANGEBYRANK', history, 0, excess - 1) end
  end
  if news then done = done + 1 end
end
return {done, behind}
`);

/** KEYS: histories, then the history. ARGV: camera, limit in ms: what ended before goes. */
export const RETAIN_COVERAGE = script(`
for _, piece in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(' .. ARGV[2])) do
  local t = string.match(piece, '^%-?%d+ (%-?%d+)')
  if tonumber(t) < tonumber(ARGV[2]) then redis.call('ZREM', KEYS[2], piece) end
end
if redis.call('EXISTS', KEYS[2]) == 0 then redis.call('SREM', KEYS[1], ARGV[1]) end
return 1
`);

/** Counts an incident in (1) or out (-1) of its category, and of that with each label that it has. */
const COUNT = `
-- One that was never counted, from before there were categories, falls to -1 and goes as well.
local function count(categories, category, by)
  if redis.call('HINCRBY', categories, category, by) <= 0 then redis.call('HDEL', categories, category) end
end

-- Written before there were categories.
local function is_old(meta)
  return #cjson.decode(meta) == 5
end

local function with(meta, label)
  return string.sub(meta, 1, -2) .. ',' .. cjson.encode(label) .. ']'
end

local function count_all(categories, meta, key, by)
  count(categories, meta, by)
  for _, name in ipairs(redis.call('HKEYS', key)) do
    local label = string.match(name, '^label:(.+)$')
    if label and string.match(redis.call('HGET', key, name), ' 1$') then count(categories, with(meta, label), by) end
  end
end
`;

/** KEYS: as `Keys.incidents`, then the incidents and camera indexes that changes name by their place. */
export const APPLY_INCIDENTS = script(`${TAKE}${COUNT}
local taken, opened, meta, open, held, orphans, mutes, changes, categories = unpack(KEYS, 1, 9)
local input = cjson.decode(ARGV[1])
local behind = take(taken, input)
local told = {}

-- The revision or time that a stored value begins with.
local function stored_at(key, field)
  local stored = redis.call('HGET', key, field)
  return stored and tonumber(string.match(stored, '^%-?%d+'))
end

local done = 0
for _, c in ipairs(input.changes) do
  local news = false
  if c.kind == 'mute' then
    local removed = redis.call('HGET', mutes, c.id)
    removed = removed and tonumber(string.match(removed, '^%-?%d+ '))
    local own = tonumber(c.removed)
    if own and (not removed or own < removed) then removed = own end
    redis.call('HSET', mutes, c.id, (removed and string.format('%.0f', removed) or '-') .. ' ' .. c.json)
    news = true
  else
    local key = KEYS[c.incident]
    if c.kind == 'incident' then
      local revision = redis.call('HGET', key, 'revision')
      if not revision or tonumber(revision) < tonumber(c.revision) then
        local before = redis.call('HGET', meta, c.id)
        if before ~= c.meta then
          if before then count_all(categories, before, key, -1) end
          count_all(categories, c.meta, key, 1)
        end
        redis.call('HSET', key, 'revision', c.revision, 'state', c.state, 'json', c.json)
        redis.call('HSET', meta, c.id, c.meta)
        redis.call('ZADD', opened, 'NX', c.opened, c.id)
        redis.call('ZADD', KEYS[c.index], 'NX', c.opened, c.id)
        if c.state == 'closed' then redis.call('ZREM', open, c.id) else redis.call('ZADD', open, 'NX', c.opened, c.id) end
        redis.call('ZREM', orphans, c.id)
        news = true
      end
    else
      local at = stored_at(key, c.field)
      if c.kind == 'gone' then
        if at and at <= tonumber(c.at) then
          redis.call('HDEL', key, c.field)
          news = true
        end
      elseif not at or at <= tonumber(c.at) then
        local label, own = c.kind == 'label' and string.match(c.field, '^label:(.+)$'), redis.call('HGET', meta, c.id)
        if label and own and not is_old(own) then
          local was = at and string.match(redis.call('HGET', key, c.field), ' 1$') ~= nil or false
          if was ~= (c.value == '1') then count(categories, with(own, label), was and -1 or 1) end
        end
        redis.call('HSET', key, c.field, c.at .. ' ' .. c.value)
        if c.field == 'label:hold' then redis.call(c.value == '1' and 'SADD' or 'SREM', held, c.id) end
        news = true
      end
      if redis.call('HEXISTS', key, 'json') == 0 then redis.call('ZADD', orphans, 'GT', c.time, c.id) end
    end
    if news then told[c.id] = true end
  end
  if news then done = done + 1 end
end
if not input.rebuild then
  for id in pairs(told) do redis.call('XADD', changes, 'MAXLEN', '~', ${MAX_CHANGES}, '*', 'i', id) end
end
return {done, behind}
`);

/**
 * KEYS: as `Keys.incidents`, then the incidents. ARGV: their ids.
 * Counts those that were written before there were categories: what is kept of them for filters ends with the state.
 */
export const COUNT_OLD = script(`${COUNT}
local meta, categories = KEYS[3], KEYS[9]
for n, id in ipairs(ARGV) do
  local key = KEYS[9 + n]
  local old, json = redis.call('HGET', meta, id), redis.call('HGET', key, 'json')
  if old and json and is_old(old) then
    local one = cjson.decode(json)
    local new = string.sub(old, 1, -2) .. ',' .. cjson.encode(one.zone) .. ',' .. cjson.encode(one.type) .. ']'
    redis.call('HSET', meta, id, new)
    count_all(categories, new, key, 1)
  end
end
return 1
`);

/**
 * KEYS: as `Keys.incidents`, then an incident and its camera index for each id. ARGV: the ids.
 * Removes incidents that are closed and not held, and what never got its incident. Answers how many incidents.
 */
export const FORGET = script(`${COUNT}
local opened, meta, open, held, orphans = unpack(KEYS, 2, 6)
local categories = KEYS[9]
local gone = 0
for n, id in ipairs(ARGV) do
  local key, index = KEYS[8 + 2 * n], KEYS[9 + 2 * n]
  local state = redis.call('HGET', key, 'state')
  if not state or (state == 'closed' and redis.call('SISMEMBER', held, id) == 0) then
    local own = redis.call('HGET', meta, id)
    if own then count_all(categories, own, key, -1) end
    redis.call('DEL', key)
    redis.call('ZREM', opened, id)
    redis.call('ZREM', index, id)
    redis.call('ZREM', open, id)
    redis.call('ZREM', orphans, id)
    redis.call('HDEL', meta, id)
    if state then gone = gone + 1 else redis.call('SREM', held, id) end
  end
end
return gone
`);
