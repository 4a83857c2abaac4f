/** The import rules of the product: stages meet on topics, never in code. */
const stages = ['ingest', 'processors', 'sinks', 'dashboards'];
const test = '\\.test\\.ts$';

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...stages.map((stage) => ({
      name: `${stage}-alone`,
      comment: 'Stages are coupled by topics only.',
      severity: 'error',
      from: { path: `^${stage}/` },
      to: { path: `^(${stages.filter((other) => other !== stage).join('|')}|supervisor)/` },
    })),
    {
      name: 'ground-imports-no-stage',
      severity: 'error',
      from: { path: '^(runtime|config)/', pathNot: test },
      to: { path: '^(ingest|processors|sinks|dashboards|models|supervisor|report|test|bench)/' },
    },
    {
      name: 'runtime-below-config',
      severity: 'error',
      from: { path: '^runtime/', pathNot: test },
      to: { path: '^config/' },
    },
    {
      name: 'models-for-processors-and-cli',
      severity: 'error',
      from: { path: '^(ingest|sinks|dashboards|runtime|config|supervisor)/', pathNot: test },
      to: { path: '^models/' },
    },
    {
      name: 'reports-for-the-cli',
      comment: 'They read what stages stored; nothing that runs makes one.',
      severity: 'error',
      from: { path: '^(ingest|processors|sinks|dashboards|supervisor|models)/', pathNot: test },
      to: { path: '^report/' },
    },
    {
      name: 'camera-process-is-lean',
      comment: 'One a camera: what it loads is paid for by every camera.',
      severity: 'error',
      from: { path: '^ingest/camera\\.ts$' },
      to: { path: '^node_modules/(zod|yaml|sharp|ws|prom-client|onnxruntime-node|@opentelemetry)/', reachable: true },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'nothing-of-tests-in-the-product',
      severity: 'error',
      from: { pathNot: `(${test}|^test/|^bench/|(compliance|testing|killing)\\.ts$|\\.config\\.ts$|^simulator/)` },
      to: { path: '^(test|bench)/' },
    },
    {
      name: 'simulator-on-its-own',
      comment: 'It stands for the world outside: it knows nothing of what looks at it.',
      severity: 'error',
      from: { path: '^simulator/', pathNot: test },
      to: { path: '^(ingest|processors|sinks|dashboards|models|supervisor|report|config|cli|test|bench)/' },
    },
    {
      name: 'nothing-simulated-in-the-product',
      severity: 'error',
      from: {
        path: '^(cli/|cli\\.ts|ingest|processors|sinks|dashboards|models|supervisor|report|runtime|config)',
        pathNot: `(${test}|^cli/simulate\\.ts$|^models/training/)`,
      },
      to: { path: '^simulator/' },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(\\.node|\\.cache)/' },
    parser: 'swc',
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.mjs', '.json', '.node'],
      exportsFields: ['exports'],
      conditionNames: ['node', 'import', 'require', 'default'],
    },
  },
};
