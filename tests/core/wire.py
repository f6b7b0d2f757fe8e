"""The proxy of `threadkeep.testing.wire`, under the name that the tests here know."""

from threadkeep.testing.wire import Wire as Wire
from threadkeep.testing.wire import counted as counted
