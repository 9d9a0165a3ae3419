# SPDX-License-Identifier: Apache-2.0
"""What the tests stand on. Each module explains itself; a test of the bus needs these:

    from support.tap import test, main, equal, raises, skip
    from support.bus import Bus, BROKERS          # a private system bus, with our policy
    from support.service import Service           # the real daemon on it
    from support.client import Event, wait_until   # somebody who calls and listens
    from support.podman import Podman             # the real engine
    from support.execs import Execs               # its exec sessions, and how they must end
    from support.podman_log import Writer         # one who writes its log as it does
    from support.podman_scene import scene        # a service that reads such a log
    from support.follower import Follower         # a client that misses nothing
    from support.ledger import Ledger             # one that knows what a history must have
    from support.journal import needs_history     # the backends, and a journald of our own
    from support.disk import strace, tmpfs, Ext4  # disks that fail

Run one by hand with `tests/run bus/test_policy.py`, or with PYTHONPATH=tests and CE_DAEMON set.
"""
