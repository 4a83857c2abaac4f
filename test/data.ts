import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Folder of models, footage and annotations that are not part of the repository. */
export const TEST_DATA = resolve(process.env['BANKSMAN_TEST_DATA'] ?? join(import.meta.dirname, '../../shared/data'));

/** False where the data is missing: tests that need it skip, which CI counts as a failure. */
export const HAS_TEST_DATA = existsSync(join(TEST_DATA, 'models'));

export const ONE_BY_ONE = join(TEST_DATA, 'video/intel_one-by-one-person-detection.mp4');
/** Of a doorway, by turns: nobody, somebody. */
export const VISITOR = {
  empty: [{ file: ONE_BY_ONE, fromS: 0, toS: 5 }],
  person: [{ file: ONE_BY_ONE, fromS: 30, toS: 34 }],
};
export const VTEST = join(TEST_DATA, 'video/vtest.avi');
export const YOLOX_NANO = join(TEST_DATA, 'models/yolox_nano_416x416.onnx');
