// What the genuine assistant-ui makes of loaded histories: a JSON list of them on stdin, on stdout
// what a person sees of each, what it exports again, and how its cloud adapter stores the messages.
import { readFileSync } from 'node:fs';

const core = './node_modules/@assistant-ui/core/dist/';
const { MessageRepository } = await import(`${core}runtime/utils/message-repository.js`);
const { auiV0Decode, auiV0Encode } = await import(`${core}react/runtimes/cloud/auiV0.js`);

function revived({ message, ...entry }) {
  return { ...entry, message: { ...message, createdAt: new Date(message.createdAt) } };
}

function seen({ headId, messages }) {
  const repository = new MessageRepository();
  repository.import({ headId, messages: messages.map(revived) });
  const decoded = messages.map(({ message, parentId }) => {
    const content = auiV0Encode(revived({ message }).message);
    const row = { id: message.id, parent_id: parentId, height: 0, format: 'aui/v0', content };
    return auiV0Decode({ ...row, created_at: new Date(message.createdAt) });
  });
  return {
    shown: repository.getMessages().map(message => message.id),
    exported: repository.export(),
    decoded,
  };
}

const answers = JSON.parse(readFileSync(0, 'utf8')).map(history => {
  try {
    return seen(history);
  } catch (error) {
    return { error: String(error) };
  }
});
process.stdout.write(JSON.stringify(answers));
