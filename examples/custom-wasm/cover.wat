;; Covers all of a value but its first character: "Jane" becomes "J***".
;;
;; A WASI command: it reads standard input to its end and answers each line with a line. So it
;; serves both ways in which custom-wasm may feed it, a value at a time and many at once.
(module
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))

  ;; 0: where to read to, or to write from, and how much; 8: how much it was;
  ;; 1024: up to 32 KiB of input; 33792: what is written for it, which is never longer.
  (memory (export "memory") 2)

  ;; Where in the line we are: 0 before its first character, 1 within it, 2 behind it.
  (global $place (mut i32) (i32.const 0))

  (func $write (param $from i32) (param $size i32)
    (block $written
      (loop $more
        (br_if $written (i32.eqz (local.get $size)))
        (i32.store (i32.const 0) (local.get $from))
        (i32.store (i32.const 4) (local.get $size))
        (if (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))
          (then (call $proc_exit (i32.const 1))))
        (local.set $from (i32.add (local.get $from) (i32.load (i32.const 8))))
        (local.set $size (i32.sub (local.get $size) (i32.load (i32.const 8))))
        (br $more))))

  ;; Reads `size` bytes of input and returns how many bytes stand for them.
  (func $cover (param $size i32) (result i32)
    (local $in i32) (local $out i32) (local $byte i32)
    (local.set $in (i32.const 1024))
    (local.set $out (i32.const 33792))
    (local.set $size (i32.add (local.get $in) (local.get $size)))
    (block $end
      (loop $next
        (br_if $end (i32.ge_u (local.get $in) (local.get $size)))
        (local.set $byte (i32.load8_u (local.get $in)))
        (local.set $in (i32.add (local.get $in) (i32.const 1)))
        (if (i32.eq (local.get $byte) (i32.const 10))
          (then (global.set $place (i32.const 0)))
          (else
            (if (i32.eq (i32.and (local.get $byte) (i32.const 0xC0)) (i32.const 0x80))
              ;; A byte that continues a character of UTF-8 goes where the character went.
              (then (br_if $next (i32.ne (global.get $place) (i32.const 1))))
              (else
                (if (global.get $place)
                  (then
                    (global.set $place (i32.const 2))
                    (local.set $byte (i32.const 42)))
                  (else (global.set $place (i32.const 1))))))))
        (i32.store8 (local.get $out) (local.get $byte))
        (local.set $out (i32.add (local.get $out) (i32.const 1)))
        (br $next)))
    (i32.sub (local.get $out) (i32.const 33792)))

  (func (export "_start")
    (local $size i32)
    (block $end
      (loop $more
        (i32.store (i32.const 0) (i32.const 1024))
        (i32.store (i32.const 4) (i32.const 32768))
        (if (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))
          (then (call $proc_exit (i32.const 1))))
        (local.set $size (i32.load (i32.const 8)))
        (br_if $end (i32.eqz (local.get $size)))
        (call $write (i32.const 33792) (call $cover (local.get $size)))
        (br $more)))))
