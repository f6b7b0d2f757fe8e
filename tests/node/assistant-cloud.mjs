// The genuine npm client of Assistant Cloud against a server of ours: what a test asks for comes as
// JSON on stdin, what was seen goes to stdout.
//
// load:  what a person sees after a load of the rows of each thread, by assistant-ui's own code.
// drive: every route of the client, in its three modes, against a server that runs.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

// Node warns where nobody has said where localStorage goes; a browser's is made here.
Object.defineProperty(globalThis, 'localStorage', { value: undefined, writable: true });

const core = './node_modules/@assistant-ui/core/dist/';
const { MessageRepository } = await import(`${core}runtime/utils/message-repository.js`);
const { auiV0DecodeSafely, auiV0Encode } = await import(`${core}react/runtimes/cloud/auiV0.js`);
const client = await import('assistant-cloud');
const { AssistantCloud, CloudAPIError, CloudMessagePersistence } = client;
const telemetry = await import('assistant-cloud/telemetry');
const { BasicTracerProvider } = await import('@opentelemetry/sdk-trace-base');

class Storage {
  items = new Map();
  getItem(name) {
    return this.items.get(name) ?? null;
  }
  setItem(name, value) {
    this.items.set(name, value);
  }
  removeItem(name) {
    this.items.delete(name);
  }
}

// As AssistantCloudThreadHistoryAdapter.load does; that one needs a page around it.
function imported(rows) {
  const loaded = [];
  const seen = new Set();
  for (const row of rows.filter(row => row.format === 'aui/v0').toReversed()) {
    const item = auiV0DecodeSafely(row);
    if (!item || (item.parentId && !seen.has(item.parentId))) continue;
    seen.add(item.message.id);
    loaded.push(item);
  }
  const repository = new MessageRepository();
  repository.import({ messages: loaded });
  return repository;
}

function shown(rows) {
  const repository = imported(rows);
  const messages = repository.getMessages();
  return {
    shown: messages.map(message => message.id),
    branches: messages.map(message => repository.getBranches(message.id)),
    kept: repository.export().messages.length,
    feedback: messages.map(message => message.metadata.submittedFeedback ?? null),
    args: messages.flatMap(message =>
      message.content.filter(part => part.type === 'tool-call').map(part => part.argsText),
    ),
    encoded: messages.map(message => auiV0Encode(message)),
  };
}

// Which routes were called, by their templates, and how they ended.
const called = {};
const genuineFetch = globalThis.fetch;
globalThis.fetch = async (url, options = {}) => {
  const response = await genuineFetch(url, options);
  const path = new URL(url).pathname
    .replace(/\/v1\/threads\/(?!claim$)[^/]+/, '/v1/threads/:t')
    .replace(/\/v1\/projects\/threads\/[^/]+/, '/v1/projects/threads/:t')
    .replace(/\/messages\/[^/]+/, '/messages/:m')
    .replace(/\/files\/attachments\/[0-9a-f]{32}.*$/, '/files/attachments/:f');
  const route = `${options.method ?? 'GET'} ${path}`;
  const seen = (called[route] ??= { statuses: new Set(), times: 0 });
  seen.statuses.add(response.status);
  seen.times += 1;
  return response;
};

const said = (role, text) => ({
  role,
  content: [{ type: 'text', text }],
  metadata: { custom: {} },
  ...(role === 'assistant' ? { status: { type: 'complete', reason: 'unknown' } } : {}),
});

async function heard(stream) {
  let title = '';
  for await (const chunk of stream) if (chunk.type === 'text-delta') title += chunk.textDelta;
  return title;
}

async function refused(status, call) {
  await assert.rejects(call, error => {
    assert(error instanceof CloudAPIError, String(error));
    assert.equal(error.status, status);
    assert.equal(typeof error.code, 'string');
    assert.doesNotMatch(error.message, /^Request failed/);
    return true;
  });
}

async function threads(cloud) {
  const now = new Date();
  const { thread_id } = await cloud.threads.create({
    last_message_at: now,
    metadata: { z: 1, a: { b: [null] } },
    external_id: 'known-elsewhere',
  });
  let thread = await cloud.threads.get(thread_id);
  assert.equal(thread.title, '');
  assert.equal(thread.external_id, 'known-elsewhere');
  assert.deepEqual(thread.metadata, { z: 1, a: { b: [null] } });
  assert.equal(thread.last_message_at.toISOString(), now.toISOString());
  const listed = async query => (await cloud.threads.list(query)).threads.map(found => found.id);
  assert((await listed()).includes(thread_id));
  await cloud.threads.update(thread_id, { is_archived: true, title: 'Lisbon' });
  assert(!(await listed({ is_archived: false })).includes(thread_id));
  assert((await listed({ is_archived: true, limit: 20 })).includes(thread_id));
  await cloud.threads.update(thread_id, { is_archived: false, metadata: null });
  thread = await cloud.threads.get(thread_id);
  assert.deepEqual([thread.title, thread.is_archived, thread.metadata], ['Lisbon', false, null]);
  await cloud.threads.delete(thread_id);
  await refused(404, () => cloud.threads.get(thread_id));
  await refused(404, () => cloud.threads.delete(thread_id));
  await refused(400, () => cloud.threads.update(thread_id, { pinned: true }));
}

// A conversation as the page has it: titles, an edit, an answer anew, a thumb, a late update.
async function conversation(cloud) {
  const { thread_id } = await cloud.threads.create({ last_message_at: new Date() });
  const persistence = new CloudMessagePersistence(cloud);
  const put = (id, parent, content) =>
    persistence.append(thread_id, id, parent, 'aui/v0', content);
  const [title] = await Promise.all([
    cloud.runs
      .stream({
        thread_id,
        assistant_id: 'system/thread_title',
        messages: [{ id: 'u1', createdAt: new Date(), ...said('user', 'What to see in Lisbon?') }],
      })
      .then(heard),
    put('u1', null, said('user', 'What to see in Lisbon?')),
  ]);
  assert.notEqual(title, '');
  assert.equal((await cloud.threads.get(thread_id)).title, title);
  await put('a1', 'u1', said('assistant', 'The river.'));
  await put('u2', 'a1', said('user', 'And then?'));
  const call = {
    ...said('assistant', 'Looking.'),
    content: [
      { type: 'tool-call', toolCallId: 'c', toolName: 'weather', args: { z: 1, a: 2, 10: 3 } },
    ],
  };
  await put('a2', 'u2', call);
  await persistence.update(thread_id, 'a2', 'aui/v0', {
    ...call,
    content: [{ ...call.content[0], result: { sunny: true } }],
  });
  const local = id => persistence.getResolvedRemoteId(id);
  const liked = { type: 'positive', comment: ' nice ' };
  const feedback = await cloud.threads.messages.feedback(thread_id, local('a1'), liked);
  assert.deepEqual([feedback.type, feedback.comment], ['positive', 'nice']);

  const load = async () => shown(await new CloudMessagePersistence(cloud).load(thread_id, 'aui/v0'));
  const path = ['u1', 'a1', 'u2', 'a2'].map(local);
  let seen = await load();
  assert.deepEqual(seen.shown, path);
  assert.deepEqual(seen.feedback[1], { type: 'positive', comment: 'nice' });
  assert.deepEqual(seen.args, [JSON.stringify({ z: 1, a: 2, 10: 3 })]);
  assert.equal(seen.encoded[3].content[0].result.sunny, true);
  // The edit of the first question is what was seen last, though the other branch is longer.
  await put('u3', null, said('user', 'What to see in Porto?'));
  await put('a3', 'u3', said('assistant', 'The bridge.'));
  await put('a4', 'u3', said('assistant', 'The other bridge.'));
  seen = await load();
  assert.deepEqual(seen.shown, ['u3', 'a4'].map(local));
  assert.equal(seen.kept, 7);
  return { thread_id, ids: Object.fromEntries(persistence.idMapping), title };
}

async function errors(cloud) {
  const content = said('user', 'x');
  const body = { parent_id: null, format: 'aui/v0', content };
  assert.deepEqual(await cloud.threads.messages.list('thread_unknown'), { messages: [] });
  await refused(404, () => cloud.threads.messages.create('thread_unknown', body));
  await refused(404, () => cloud.threads.messages.update('thread_unknown', 'msg_x', { content }));
  await refused(404, () =>
    cloud.threads.messages.feedback('thread_unknown', 'msg_x', { type: 'positive' }),
  );
  await refused(404, () =>
    cloud.runs.stream({
      thread_id: 'thread_unknown',
      assistant_id: 'system/thread_title',
      messages: [],
    }),
  );
}

// What the page reports beside the messages: a run, what was done, a judgement.
async function reports(cloud, { thread_id, ids }) {
  const report = {
    thread_id,
    status: 'completed',
    message_id: ids.a4,
    trace_id: '0123456789abcdef0123456789abcdef',
    duration_ms: 1200,
    first_token_ms: 300,
    input_tokens: 7,
    output_tokens: 11,
    total_steps: 1,
    steps: [{ input_tokens: 7, output_tokens: 11, tool_calls: [] }],
    output_text: 'The other bridge.',
    model_id: 'some-model',
    metadata: {},
  };
  const { run_id } = await cloud.runs.report(report);
  assert.deepEqual(await cloud.runs.report(report), { run_id });
  const score = { name: 'helpful', thread_id, message_id: ids.a4, run_id };
  const number = await cloud.scores.create({ ...score, data_type: 'numeric', value: 0.5 });
  assert.deepEqual([number.value, number.string_value], [0.5, null]);
  const word = { ...score, data_type: 'categorical', string_value: 'very' };
  assert.equal((await cloud.scores.create(word)).string_value, 'very');
  const flushed = () => called['POST /v1/events']?.times ?? 0;
  const before = flushed();
  cloud.events.track({ kind: 'message_copied', thread_id, message_id: ids.a4 });
  // The branch that is left; of two the other one is what is looked at from now on.
  cloud.events.track({ kind: 'branch_switched', thread_id, message_id: ids.a4 });
  cloud.events.dispose();
  const until = Date.now() + 10_000;
  while (flushed() === before && Date.now() < until) {
    await new Promise(done => setTimeout(done, 20));
  }
  const rows = await new CloudMessagePersistence(cloud).load(thread_id, 'aui/v0');
  assert.deepEqual(shown(rows).shown, ['u3', 'a3'].map(id => ids[id]));
}

async function files(cloud, { thread_id }) {
  const asked = { filename: 'a picture.png', content_type: 'image/png', content_length: 3 };
  const granted = await cloud.files.generatePresignedUploadUrl(asked);
  assert.equal(granted.success, true);
  const bytes = new Uint8Array([1, 2, 255]);
  const headers = { 'Content-Type': 'image/png' };
  const put = await fetch(granted.signedUrl, { method: 'PUT', headers, body: bytes });
  assert.equal(put.status, 200);
  const image = { type: 'image', image: granted.publicUrl };
  const content = { role: 'user', content: [image], metadata: { custom: {} } };
  const body = { parent_id: null, format: 'aui/v0', content };
  await cloud.threads.messages.create(thread_id, body);
  const { messages } = await cloud.threads.messages.list(thread_id, { limit: 1 });
  const again = await cloud.files.generatePresignedDownloadUrl({ key: granted.key });
  for (const url of [granted.publicUrl, messages[0].content.content[0].image, again.signedUrl]) {
    const got = await fetch(url);
    assert.deepEqual(new Uint8Array(await got.arrayBuffer()), bytes);
  }
  await refused(404, () => cloud.files.generatePresignedDownloadUrl({ key: 'attachments/none' }));
  await refused(501, () => cloud.files.pdfToImages({ file_url: granted.publicUrl }));
}

const everything = async cloud => {
  await threads(cloud);
  const made = await conversation(cloud);
  await reports(cloud, made);
  await files(cloud, made);
  await errors(cloud);
  return made;
};

// What only a server with a key does: the threads of all workspaces, and traces.
async function projects({ baseUrl, adminKey, apiKey, workspaceId }, made) {
  const of = (apiKey, userId) =>
    new AssistantCloud({ baseUrl, apiKey, userId, workspaceId });
  const admin = of(adminKey, '__SYSTEM__');
  const { threads } = await admin.projects.threads.list({ is_archived: false, limit: 100 });
  assert(made.every(one => threads.some(thread => thread.id === one.thread_id)));
  const [one] = made;
  const { messages } = await admin.projects.threads.messages.list(one.thread_id, {
    format: 'aui/v0',
    limit: 200,
  });
  assert(Object.values(one.ids).every(id => messages.some(message => message.id === id)));
  await refused(403, () => of(apiKey, 'ann').projects.threads.list());
  await refused(403, () => of(apiKey, 'ann').projects.threads.messages.list(one.thread_id));

  const exporter = telemetry.createAssistantCloudTraceExporter({ apiKey, baseUrl });
  const processor = telemetry.createAssistantCloudSpanProcessor(exporter);
  const provider = new BasicTracerProvider({ spanProcessors: [processor] });
  const span = provider.getTracer('test').startSpan('gen_ai.chat', {
    attributes: { 'gen_ai.operation.name': 'chat', 'gen_ai.usage.input_tokens': 3 },
  });
  span.end();
  await provider.forceFlush();
  await provider.shutdown();
}

async function anonymous(baseUrl, other) {
  const visitor = () => new AssistantCloud({ baseUrl, anonymous: true });
  const ids = async cloud => (await cloud.threads.list()).threads.map(thread => thread.id);
  localStorage = new Storage();
  const made = await everything(visitor());
  // Another tab, or the page after a reload: the refresh token in localStorage is the identity.
  const again = await ids(visitor());
  assert.deepEqual(again, [made.thread_id]);
  const token = client.readAnonymousRefreshToken(baseUrl);
  assert.notEqual(token, null);
  await refused(403, () => visitor().threads.claim({ refresh_token: token }));
  localStorage = new Storage();
  assert.deepEqual(await ids(visitor()), []);
  assert.deepEqual(await other.threads.claim({ refresh_token: token }), { moved: 1 });
  assert.deepEqual(await other.threads.claim({ refresh_token: token }), { moved: 0 });
  assert((await ids(other)).includes(made.thread_id));
  const rows = await new CloudMessagePersistence(other).load(made.thread_id, 'aui/v0');
  assert(Object.values(made.ids).every(id => rows.some(row => row.id === id)));
  localStorage = undefined;
  return made;
}

async function keys({ baseUrl, apiKey, workspaceId }) {
  const of = userId =>
    new AssistantCloud({ baseUrl, apiKey, userId, workspaceId });
  const made = await everything(of('ann'));
  const { token } = await of('ann').auth.tokens.create();
  const page = new AssistantCloud({ baseUrl, authToken: async () => token });
  assert.equal((await page.threads.get(made.thread_id)).id, made.thread_id);
  await refused(403, () => page.auth.tokens.create());
  await refused(404, () => of('bob').threads.get(made.thread_id));
  return made;
}

async function tokens({ baseUrl, tokens }) {
  const asked = [];
  const authToken = async () => {
    asked.push(1);
    return tokens.ann;
  };
  const cloud = new AssistantCloud({ baseUrl: `${baseUrl}/`, authToken });
  const made = await everything(cloud);
  assert.equal(asked.length, 1);
  const nobody = new AssistantCloud({ baseUrl, authToken: async () => null });
  await assert.rejects(() => nobody.threads.list(), /Authorization failed/);
  const bob = new AssistantCloud({ baseUrl, authToken: async () => tokens.bob });
  await refused(404, () => bob.threads.get(made.thread_id));
  const late = new AssistantCloud({ baseUrl, authToken: async () => tokens.expired });
  await refused(401, () => late.threads.list());
  return { made, cloud };
}

async function drive(given) {
  const key = await keys(given);
  const { made, cloud } = await tokens(given);
  const visitor = await anonymous(given.baseUrl, cloud);
  await projects(given, [key, made, visitor]);
  return {
    threads: [key, made, visitor].map(one => one.thread_id),
    called: Object.fromEntries(
      Object.entries(called).map(([route, { statuses }]) => [route, [...statuses]]),
    ),
  };
}

const commands = { load: given => given.map(rows => shown(rows.map(dated))), drive };

function dated(row) {
  return { ...row, created_at: new Date(row.created_at), updated_at: new Date(row.updated_at) };
}

const answer = await commands[process.argv[2]](JSON.parse(readFileSync(0, 'utf8')));
process.stdout.write(JSON.stringify(answer));
