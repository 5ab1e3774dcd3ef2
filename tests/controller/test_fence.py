import asyncio
from typing import Any

from controller.toy import known, node, operator
from kaitu.controller.fence import look_again


def test_a_leader_that_was_followed_ends():
    app, _ = operator(node())
    shards: Any = app.shards
    shards.taken = True

    asyncio.run(look_again(app, known(app)))

    assert shards.lost.is_set()
    assert app.writer.fences == {0: 1}


def test_a_leader_that_was_not_followed_raises_its_counter():
    app, _ = operator(node())

    asyncio.run(look_again(app, known(app)))

    assert not app.shards.lost.is_set()
    assert app.writer.fences == {0: 2}
