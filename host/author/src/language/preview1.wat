;; WASI preview 1 with nothing behind it, for guests whose toolchain speaks it (Go, C with wasi-libc). It becomes part of the
;; component, so that the component imports weir's own `host.log` and no WASI at all.
;;
;; There is no argument, no environment, no file. Output goes to weir's log, a message for each piece that is written.
;; The clocks begin at 0 and go on by a microsecond with each look and by what is waited for: Go's collector and scheduler look
;; at them, and a wait is over at once. Chance is the same in every instance. Leaving is a trap.
(module
  (import "weir:plugin/host@0.1.0" "log" (func $log (param i32 i32 i32)))
  (import "env" "memory" (memory 0))

  (global $now (mut i64) (i64.const 0))
  (global $chance (mut i64) (i64.const 0x2545F4914F6CDD1D))

  ;; what the functions end with: WASI's errno
  (global $badf i32 (i32.const 8))
  (global $spipe i32 (i32.const 70))
  (global $notcapable i32 (i32.const 76))

  (func $look (result i64)
    (global.set $now (i64.add (global.get $now) (i64.const 1000)))
    (global.get $now))

  (func $next (result i64)
    (global.set $chance (i64.xor (global.get $chance) (i64.shl (global.get $chance) (i64.const 13))))
    (global.set $chance (i64.xor (global.get $chance) (i64.shr_u (global.get $chance) (i64.const 7))))
    (global.set $chance (i64.xor (global.get $chance) (i64.shl (global.get $chance) (i64.const 17))))
    (global.get $chance))

  (func $none (param i32 i32) (result i32)
    (i32.store (local.get 0) (i32.const 0))
    (i32.store (local.get 1) (i32.const 0))
    (i32.const 0))

  (func (export "args_sizes_get") (param i32 i32) (result i32) (call $none (local.get 0) (local.get 1)))
  (func (export "environ_sizes_get") (param i32 i32) (result i32) (call $none (local.get 0) (local.get 1)))
  (func (export "args_get") (param i32 i32) (result i32) (i32.const 0))
  (func (export "environ_get") (param i32 i32) (result i32) (i32.const 0))

  (func (export "clock_res_get") (param $clock i32) (param $to i32) (result i32)
    (i64.store (local.get $to) (i64.const 1000))
    (i32.const 0))
  (func (export "clock_time_get") (param $clock i32) (param $precision i64) (param $to i32) (result i32)
    (i64.store (local.get $to) (call $look))
    (i32.const 0))
  (func (export "sched_yield") (result i32) (i32.const 0))

  ;; The first of what is waited for is there at once.
  (func (export "poll_oneoff") (param $in i32) (param $out i32) (param $count i32) (param $events i32) (result i32)
    (local $until i64)
    (if (i32.eqz (i32.load8_u offset=8 (local.get $in)))
      (then
        (local.set $until (i64.load offset=24 (local.get $in)))
        (if (i32.eqz (i32.and (i32.load16_u offset=40 (local.get $in)) (i32.const 1)))
          (then (local.set $until (i64.add (local.get $until) (global.get $now)))))
        (if (i64.gt_u (local.get $until) (global.get $now))
          (then (global.set $now (local.get $until))))))
    (i64.store (local.get $out) (i64.load (local.get $in)))
    (i32.store16 offset=8 (local.get $out) (i32.const 0))
    (i32.store8 offset=10 (local.get $out) (i32.load8_u offset=8 (local.get $in)))
    (i64.store offset=16 (local.get $out) (i64.const 0))
    (i64.store offset=24 (local.get $out) (i64.const 0))
    (i32.store (local.get $events) (i32.const 1))
    (i32.const 0))

  (func (export "random_get") (param $to i32) (param $count i32) (result i32)
    (loop $more
      (if (local.get $count)
        (then
          (i32.store8 (local.get $to) (i32.wrap_i64 (call $next)))
          (local.set $to (i32.add (local.get $to) (i32.const 1)))
          (local.set $count (i32.sub (local.get $count) (i32.const 1)))
          (br $more))))
    (i32.const 0))

  (func (export "proc_exit") (param i32) unreachable)
  (func (export "proc_raise") (param i32) (result i32) unreachable)

  ;; Standard output is written to the log as info (2), standard error as warn (1); a line end that closes a piece is left out.
  (func (export "fd_write") (param $fd i32) (param $pieces i32) (param $count i32) (param $written i32) (result i32)
    (local $at i32) (local $size i32) (local $sum i32)
    (if (i32.gt_u (i32.sub (local.get $fd) (i32.const 1)) (i32.const 1))
      (then (return (global.get $badf))))
    (loop $more
      (if (local.get $count)
        (then
          (local.set $at (i32.load (local.get $pieces)))
          (local.set $size (i32.load offset=4 (local.get $pieces)))
          (local.set $sum (i32.add (local.get $sum) (local.get $size)))
          (if (local.get $size)
            (then
              (local.set $size
                (i32.sub
                  (local.get $size)
                  (i32.eq
                    (i32.load8_u (i32.sub (i32.add (local.get $at) (local.get $size)) (i32.const 1)))
                    (i32.const 10))))))
          (if (local.get $size)
            (then (call $log (i32.sub (i32.const 3) (local.get $fd)) (local.get $at) (local.get $size))))
          (local.set $pieces (i32.add (local.get $pieces) (i32.const 8)))
          (local.set $count (i32.sub (local.get $count) (i32.const 1)))
          (br $more))))
    (i32.store (local.get $written) (local.get $sum))
    (i32.const 0))

  ;; Standard input is at its end.
  (func (export "fd_read") (param $fd i32) (param i32 i32) (param $read i32) (result i32)
    (if (local.get $fd) (then (return (global.get $badf))))
    (i32.store (local.get $read) (i32.const 0))
    (i32.const 0))

  ;; The three standard streams are character devices (2).
  (func (export "fd_fdstat_get") (param $fd i32) (param $to i32) (result i32)
    (if (i32.gt_u (local.get $fd) (i32.const 2)) (then (return (global.get $badf))))
    (i64.store (local.get $to) (i64.const 2))
    (i64.store offset=8 (local.get $to) (i64.const 0))
    (i64.store offset=16 (local.get $to) (i64.const 0))
    (i32.const 0))
  (func (export "fd_fdstat_set_flags") (param i32 i32) (result i32) (i32.const 0))
  (func (export "fd_close") (param i32) (result i32) (i32.const 0))
  (func (export "fd_sync") (param i32) (result i32) (i32.const 0))
  (func (export "fd_datasync") (param i32) (result i32) (i32.const 0))
  (func (export "fd_seek") (param i32 i64 i32 i32) (result i32) (global.get $spipe))
  (func (export "fd_tell") (param i32 i32) (result i32) (global.get $spipe))

  ;; No directory is open to begin with, so nothing else has anything to act on.
  (func (export "fd_prestat_get") (param i32 i32) (result i32) (global.get $badf))
  (func (export "fd_prestat_dir_name") (param i32 i32 i32) (result i32) (global.get $badf))
  (func (export "fd_advise") (param i32 i64 i64 i32) (result i32) (global.get $badf))
  (func (export "fd_allocate") (param i32 i64 i64) (result i32) (global.get $badf))
  (func (export "fd_fdstat_set_rights") (param i32 i64 i64) (result i32) (global.get $badf))
  (func (export "fd_filestat_get") (param i32 i32) (result i32) (global.get $badf))
  (func (export "fd_filestat_set_size") (param i32 i64) (result i32) (global.get $badf))
  (func (export "fd_filestat_set_times") (param i32 i64 i64 i32) (result i32) (global.get $badf))
  (func (export "fd_pread") (param i32 i32 i32 i64 i32) (result i32) (global.get $badf))
  (func (export "fd_pwrite") (param i32 i32 i32 i64 i32) (result i32) (global.get $badf))
  (func (export "fd_readdir") (param i32 i32 i32 i64 i32) (result i32) (global.get $badf))
  (func (export "fd_renumber") (param i32 i32) (result i32) (global.get $badf))
  (func (export "path_create_directory") (param i32 i32 i32) (result i32) (global.get $notcapable))
  (func (export "path_filestat_get") (param i32 i32 i32 i32 i32) (result i32) (global.get $notcapable))
  (func (export "path_filestat_set_times") (param i32 i32 i32 i32 i64 i64 i32) (result i32) (global.get $notcapable))
  (func (export "path_link") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (global.get $notcapable))
  (func (export "path_open") (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32) (global.get $notcapable))
  (func (export "path_readlink") (param i32 i32 i32 i32 i32 i32) (result i32) (global.get $notcapable))
  (func (export "path_remove_directory") (param i32 i32 i32) (result i32) (global.get $notcapable))
  (func (export "path_rename") (param i32 i32 i32 i32 i32 i32) (result i32) (global.get $notcapable))
  (func (export "path_symlink") (param i32 i32 i32 i32 i32) (result i32) (global.get $notcapable))
  (func (export "path_unlink_file") (param i32 i32 i32) (result i32) (global.get $notcapable))
  (func (export "sock_accept") (param i32 i32 i32) (result i32) (global.get $notcapable))
  (func (export "sock_recv") (param i32 i32 i32 i32 i32 i32) (result i32) (global.get $notcapable))
  (func (export "sock_send") (param i32 i32 i32 i32 i32) (result i32) (global.get $notcapable))
  (func (export "sock_shutdown") (param i32 i32) (result i32) (global.get $notcapable))
)
