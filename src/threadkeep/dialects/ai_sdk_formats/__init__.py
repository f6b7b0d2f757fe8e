"""The Vercel AI SDK's two formats, UI messages and model messages, in versions 4 to 7."""
