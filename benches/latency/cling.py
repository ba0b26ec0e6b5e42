"""Kernels compiled by Cling in this process, from text to the end of the first call.

Reads kernels as JSON from standard input and writes times and results as one line of JSON. Each sample compiles a text
anew, in a namespace of its own, so that nothing of an earlier one is used.
"""

import ctypes
import json
import sys
import time

import cppyy


def first_call(kernel, number):
    """Seconds to compile, seconds of the call, and what it left in the arrays."""
    name = f"sample_{number}"
    text = (
        f"{kernel['before'] if number == 0 else ''}\n#pragma STDC FP_CONTRACT OFF\nnamespace {name} {{\n{kernel['text']}\n"
        f"unsigned long long address() {{ return (unsigned long long)&saltus_kernel; }}\n}}\n"
    )
    words = [(ctypes.c_uint64 * len(array))(*array) for array in kernel["arrays"]]
    arrays = (ctypes.c_void_p * len(words))(*map(ctypes.addressof, words))
    elements = kernel["elements"]
    indices = (ctypes.c_int32 * elements)(*range(elements))
    selected = (ctypes.c_int32 * elements)()
    call = (ctypes.c_uint64 * 6)(
        0, elements, ctypes.addressof(indices) if kernel["indexed"] else 0, ctypes.addressof(selected), 0, 0
    )
    signature = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
    started = time.perf_counter()
    if not cppyy.cppdef(text):
        raise RuntimeError("Cling refuses a kernel")
    function = signature(getattr(cppyy.gbl, name).address())
    compiled = time.perf_counter()
    function(ctypes.addressof(arrays), ctypes.addressof(call))
    called = time.perf_counter()
    return compiled - started, called - compiled, [list(array) for array in words]


def main():
    request = json.load(sys.stdin)
    answer = {"version": cppyy.__version__, "kernels": {}}
    number = 0
    # The first text brings parts of Cling into memory that all later ones find there.
    cppyy.cppdef("int saltus_warm() { return 1; }")
    cppyy.gbl.saltus_warm()
    for kernel in request["kernels"]:
        answer["kernels"][kernel["name"]] = {"samples": [], "arrays": []}
    for _ in range(request["samples"]):
        for kernel in request["kernels"]:
            compile_seconds, call_seconds, arrays = first_call(kernel, number)
            number += 1
            found = answer["kernels"][kernel["name"]]
            found["samples"].append([compile_seconds, call_seconds])
            found["arrays"] = arrays
    print(json.dumps(answer))


main()
