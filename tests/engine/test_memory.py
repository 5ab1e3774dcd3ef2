from kaitu.engine.memory import Memory


def test_an_edit_starts_the_delays_again_but_forgets_no_failure():
    memory = Memory()
    for _ in range(5):
        memory.failed(0)
    memory.renew()
    memory.failed(0)

    assert memory.attempts == 1
    assert memory.streak == 6


def test_a_trusted_visit_ends_the_row_of_failures():
    memory = Memory()
    memory.failed(0)
    memory.trusted()

    assert (memory.attempts, memory.streak) == (0, 0)


def test_trusted_visits_that_leave_something_count_on():
    memory = Memory(attempts=2)
    memory.trusted()

    assert memory.attempts == 2


def test_a_node_that_comes_and_goes_is_believed_at_its_second_good_visit():
    memory = Memory()
    for now in range(5):
        memory.failed(now)
        memory.trusted()

    assert memory.flapping(5)
    memory.trusted()
    assert not memory.flapping(5)
