import type { CameraRecord } from '../../runtime/messages/types.ts';

/** A camera as the site file's defaults make it. */
export function cameraRecord(changes: Partial<CameraRecord> & Pick<CameraRecord, 'camera' | 'url'>): CameraRecord {
  return {
    site: 'yard',
    configHash: 'test',
    record_url: null,
    username: null,
    password: null,
    transport: 'tcp',
    tls: { verify: true, ca_file: null },
    sampling: { idle_fps: 0.5, active_fps: 5, width_px: 960 },
    motion: { open_share: 0.005, close_share: 0.002, threshold: 12, hold_s: 2 },
    model: 'yolox-nano',
    regions: 'full',
    zones: {},
    lines: {},
    ignore_masks: [],
    privacy_masks: [],
    filters: {},
    suppress_static: true,
    detect_within_s: 2,
    ...changes,
  };
}
