import type { ChatModelAdapter, ChatModelRunResult, ThreadMessage } from "@assistant-ui/react";

type Parts = NonNullable<ChatModelRunResult["content"]>;
type Part = Parts[number];

/** One line of the answer of POST /model. */
type Told =
  | { type: "reasoning" | "text"; text: string }
  | { type: "tool_call"; id: string; name: string; arguments: string }
  | { type: "tool_result"; id: string; output: string }
  | { type: "end"; model: string; usage: { inputTokens: number; outputTokens: number } | null }
  | { type: "error"; message: string };

/** The model of this page: the server's, which streams one JSON object per line. */
export const model: ChatModelAdapter = {
  async *run({ messages, abortSignal }) {
    const answer = await fetch("/model", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ messages: messages.map(asked) }),
      signal: abortSignal,
    });
    if (!answer.ok || !answer.body) throw new Error(`The model answered ${answer.status}.`);
    let content: Parts = [];
    let whole = false;
    for await (const line of lines(answer.body)) {
      const told = JSON.parse(line) as Told;
      if (told.type === "error") throw new Error(told.message);
      whole = told.type === "end";
      if (told.type === "end") yield ended(content, told);
      else yield { content: (content = added(content, told)) };
    }
    if (!whole) throw new Error("The answer was cut off.");
  },
};

/** The name of the model, for the head of the page. */
export async function modelName(signal: AbortSignal): Promise<string> {
  const answer = await fetch("/model", { signal });
  return ((await answer.json()) as { model: string }).model;
}

function asked(message: ThreadMessage) {
  const text = message.content.flatMap((part) => (part.type === "text" ? [part.text] : []));
  const files = message.role === "user" ? message.attachments.map((file) => file.name) : [];
  return { role: message.role, text: text.join("\n"), files };
}

function added(content: Parts, told: Exclude<Told, { type: "end" | "error" }>): Parts {
  const last = content.at(-1);
  switch (told.type) {
    case "tool_call": {
      const call: Part = {
        type: "tool-call",
        toolCallId: told.id,
        toolName: told.name,
        args: JSON.parse(told.arguments),
        argsText: told.arguments,
      };
      return [...content, call];
    }
    case "tool_result": {
      const result: unknown = JSON.parse(told.output);
      return content.map((part) =>
        part.type === "tool-call" && part.toolCallId === told.id ? { ...part, result } : part,
      );
    }
    default:
      return last?.type === told.type
        ? [...content.slice(0, -1), { ...last, text: last.text + told.text }]
        : [...content, { type: told.type, text: told.text }];
  }
}

function ended(content: Parts, told: Extract<Told, { type: "end" }>): ChatModelRunResult {
  const custom = { modelId: told.model };
  return { content, metadata: told.usage ? { steps: [{ usage: told.usage }], custom } : { custom } };
}

async function* lines(body: ReadableStream<Uint8Array>) {
  const reader = body.pipeThrough(new TextDecoderStream() as TransformStream).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const whole = (rest + value).split("\n");
      rest = whole.pop()!;
      yield* whole;
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}
