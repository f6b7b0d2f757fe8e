import { Icon } from "./icons";

interface Call {
  toolName: string;
  argsText: string;
  result?: unknown;
  isError?: boolean | undefined;
}

/** One call of a tool: what was asked, and what came back. */
export function ToolCall({ toolName, argsText, result, isError }: Call) {
  const state = result === undefined ? "running" : isError ? "failed" : "done";
  return (
    <details className="call" data-state={state}>
      <summary>
        <Icon name="tool" /> {toolName} <small>{state}</small>
      </summary>
      <h3>Arguments</h3>
      <pre className="arguments">{argsText}</pre>
      {result !== undefined && (
        <>
          <h3>Result</h3>
          <pre>{typeof result === "string" ? result : JSON.stringify(result, null, 2)}</pre>
        </>
      )}
    </details>
  );
}
