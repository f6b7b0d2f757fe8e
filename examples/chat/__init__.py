"""A chat page with the genuine assistant-ui, whose threads threadkeep keeps.

`python -m examples.chat`; docs/chat.md says how to point a page of your own at the server.

- `app`       the server of the page: threadkeep's own, with the model and the page beside it
- `models`    what answers: a script, or any endpoint that speaks OpenAI's protocol
- `page`      the routes of the page and of the model
- `building`  the page is built where there is Node
- `serving`   the server as a process
- `driving`   one conversation over HTTP, as the page has it
- `demo`      `make demo`: build, serve, open the browser, or drive it where nobody looks on

The page itself is in `src/`.
"""
