import threading

from inhouse.compat.calls_in_progress import Call, current_call, running


def test_a_call_is_current_only_while_it_runs_and_only_in_its_thread(call: Call) -> None:
    seen = []
    with running(call):
        assert current_call() is call
        with running(None):
            assert current_call() is None
        thread = threading.Thread(target=lambda: seen.append(current_call()))
        thread.start()
        thread.join()
        assert current_call() is call
    assert current_call() is None
    assert seen == [None]
