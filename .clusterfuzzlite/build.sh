#!/bin/bash -eu
# Every fuzz target with the flags and the engine of the environment, as OSS-Fuzz and ClusterFuzzLite
# set it: CC, CFLAGS, LIB_FUZZING_ENGINE, OUT. Beside each its inputs, words and options; the shared
# libraries that it needs are in OUT/lib. The targets watch the allocator: SANITIZER=address.
cd "$(dirname "$(readlink -f "$0")")"
[ -e Makefile ] || cd "${SRC:-..}/iperfspec" 2>/dev/null || cd ..

# An old-style path holds for what the libraries need, too.
export LDFLAGS="${LDFLAGS:-} -Wl,--disable-new-dtags,-rpath,'\$\$ORIGIN/lib'"
make -s -j"$(nproc)" VARIANT=engine fuzz-programs

mkdir -p "$OUT/lib"
for target in fuzz/*_fuzzer.c; do
    name=$(basename "$target" _fuzzer.c)
    cp "build/engine/bin/$name" "$OUT/${name}_fuzzer"
    (cd "corpus/$name" && find . -type f | sort | zip -q -X -j "$OUT/${name}_fuzzer_seed_corpus.zip" -@)
    [ ! -e "fuzz/$name.dict" ] || cp "fuzz/$name.dict" "$OUT/${name}_fuzzer.dict"
    printf '[libfuzzer]\ntimeout = 25\nrss_limit_mb = 2560\n' >"$OUT/${name}_fuzzer.options"
    ! grep -q fuzz_form "$target" || echo 'mutate_depth = 2' >>"$OUT/${name}_fuzzer.options"
    ldd "$OUT/${name}_fuzzer" | sed -nE 's/.* => (\/.*) \(.*/\1/p' |
        grep -vE '/lib(c|m|dl|rt|pthread|resolv|gcc_s|stdc\+\+)\.so' |
        while read -r library; do
            [ -e "$OUT/lib/$(basename "$library")" ] || cp -L "$library" "$OUT/lib/"
        done
done
