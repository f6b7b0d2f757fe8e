// The genuine AI SDK as a line server: one JSON request per line in, one JSON answer per line out.
import { createInterface } from 'node:readline';

globalThis.AI_SDK_LOG_WARNINGS = false;

// Answers are the only thing on stdout; the packages' own notes go to stderr.
for (const level of ['log', 'info', 'debug', 'warn']) console[level] = console.error;

const packages = new Map();

function load(version) {
  if (![5, 6, 7].includes(version)) throw new Error('unknown version');
  if (!packages.has(version)) packages.set(version, import(`ai${version}`));
  return packages.get(version);
}

const pick = (ai, name) => {
  if (ai[name] === undefined) throw new Error('unsupported');
  return ai[name];
};

const echo = ({ toolCallId, input, output }) => ({
  type: 'json',
  value: { toolCallId: toolCallId ?? null, input: input ?? null, output: output ?? null },
});

// convert: a tool named with true answers by `toModelOutput`, one named with false has none.
const modelTools = tools =>
  tools && Object.fromEntries(
    Object.entries(tools).map(([name, own]) => [name, own ? { toModelOutput: echo } : {}]),
  );

const dataText = part => ({ type: 'text', text: JSON.stringify(part.data ?? null) });

async function schema(json) {
  const { z } = await import('zod');
  return z.fromJSONSchema(json);
}

async function schemas(all) {
  const entries = Object.entries(all).map(async ([name, json]) => [name, await schema(json)]);
  return Object.fromEntries(await Promise.all(entries));
}

async function toolSchemas(all) {
  const entries = Object.entries(all).map(async ([name, { input, output }]) => [
    name,
    { inputSchema: await schema(input), ...(output && { outputSchema: await schema(output) }) },
  ]);
  return Object.fromEntries(await Promise.all(entries));
}

function streamOf(values) {
  return new ReadableStream({
    start(controller) {
      for (const value of values) controller.enqueue(value);
      controller.close();
    },
  });
}

async function collect(stream) {
  const values = [];
  for await (const value of stream) values.push(value);
  return values;
}

// Long enough to tell errors apart; the packages print a whole tree for a union.
const note = error => (error instanceof Error ? error.message : String(error)).slice(0, 500);

const operations = {
  async validate(ai, { messages, metadataSchema, dataSchemas, tools }) {
    const result = await pick(ai, 'safeValidateUIMessages')({
      messages,
      ...(metadataSchema && { metadataSchema: await schema(metadataSchema) }),
      ...(dataSchemas && { dataSchemas: await schemas(dataSchemas) }),
      ...(tools && { tools: await toolSchemas(tools) }),
    });
    if (!result.success) throw result.error;
    return result.data;
  },

  async model_schema(ai, { message }) {
    return pick(ai, 'modelMessageSchema').parse(message);
  },

  async convert(ai, { messages, ignoreIncompleteToolCalls, tools, dataParts }) {
    return pick(ai, 'convertToModelMessages')(messages, {
      ignoreIncompleteToolCalls,
      tools: modelTools(tools),
      ...(dataParts && { convertDataPart: dataText }),
    });
  },

  async prune(ai, { messages, ...options }) {
    return pick(ai, 'pruneMessages')({ messages, ...options });
  },

  // The message after all chunks (null if none was made), every step of it, and the errors.
  async fold(ai, { chunks, message }) {
    const errors = [];
    const steps = await collect(
      pick(ai, 'readUIMessageStream')({
        stream: streamOf(chunks),
        ...(message && { message }),
        onError: error => errors.push(note(error)),
      }),
    );
    return { final: steps.at(-1) ?? null, steps, yields: steps.length, errors };
  },

  async partial_json(ai, { text }) {
    const { value, state } = await pick(ai, 'parsePartialJson')(text);
    return { value: value ?? null, state };
  },

  // JavaScript's own spelling of each address; null where it is none.
  async href(ai, { texts }) {
    return texts.map(text => URL.parse(text)?.href ?? null);
  },

  // With chunks: the text on the wire. With text: what a client reads, up to its first error.
  async sse(ai, { chunks, text }) {
    if (chunks) {
      const wire = streamOf(chunks).pipeThrough(new (pick(ai, 'JsonToSseTransformStream'))());
      return (await collect(wire)).join('');
    }
    const parsed = pick(ai, 'parseJsonEventStream')({
      stream: streamOf([new TextEncoder().encode(text)]),
      schema: pick(ai, 'uiMessageChunkSchema'),
    });
    const read = [];
    for await (const chunk of parsed) {
      if (!chunk.success) return { chunks: read, error: note(chunk.error) };
      read.push(chunk.value);
    }
    return { chunks: read, error: null };
  },
};

async function answer(line) {
  const { id, op, version, args } = JSON.parse(line);
  try {
    if (!Object.hasOwn(operations, op)) throw new Error('unknown operation');
    const value = await operations[op](await load(version), args ?? {});
    return JSON.stringify({ id, ok: true, value: value ?? null });
  } catch (error) {
    return JSON.stringify({ id, ok: false, error: note(error) });
  }
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  if (line !== '') process.stdout.write((await answer(line)) + '\n');
}
