import asyncio

from controller.toy import node, operator
from kaitu.controller.fence import look_again


def test_a_leader_that_was_followed_ends():
    app, _ = operator(node())
    asyncio.run(app.installation.raise_fence())

    asyncio.run(look_again(app))

    assert app.leader.lost.is_set()


def test_a_leader_that_was_not_followed_raises_its_counter():
    app, _ = operator(node())

    asyncio.run(look_again(app))

    assert not app.leader.lost.is_set()
    assert app.writer.counter == 2
