"""ChatKit's package is loaded once, without the warnings about its own classes."""

import threadkeep.adapters.chatkit  # noqa: F401
