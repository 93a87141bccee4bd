"""Large arrays share memory one after another, and never at the same time."""

import numpy as np

from workings.engine.memory import LARGE, POOL, Pool, room

SHAPE = (LARGE // 4, 1)
FLOAT32 = np.dtype("float32")


def test_memory_of_a_large_array_is_used_again_once_every_view_of_it_is_gone():
    first = room(SHAPE, FLOAT32)
    place, view = first.ctypes.data, first[5:7].T
    del first
    second = room(SHAPE, FLOAT32)
    assert second.ctypes.data != place, "a view still reads the first array's memory"
    del view
    third = room(SHAPE, FLOAT32)
    assert third.ctypes.data == place


def test_two_large_arrays_in_use_never_share_memory():
    one, other = room(SHAPE, FLOAT32), room(SHAPE, FLOAT32)
    one[:], other[:] = 1, 2
    assert not np.shares_memory(one, other)
    assert one.sum() == len(one)


def test_small_arrays_are_numpys_own_and_large_ones_can_be_written():
    assert room((3, 4), FLOAT32).base is None
    large = room((2, LARGE // 8), FLOAT32)
    large[1] = 7
    assert large.flags.writeable and large.flags.c_contiguous and large.dtype == FLOAT32
    assert large[1, -1] == 7


def test_the_pool_keeps_no_more_than_it_may():
    pool = Pool(100)
    for _ in range(5):
        pool.give_back(np.empty(40, np.uint8))
    assert len(pool.free) == 2
    pool.give_back(np.empty(400, np.uint8))
    assert not pool.free


def test_the_shared_pool_is_the_one_that_arrays_come_from():
    place = room(SHAPE, FLOAT32).ctypes.data
    assert any(piece.ctypes.data == place for piece in POOL.free)
