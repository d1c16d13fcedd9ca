;; A `series` plugin that does what the sizes of its arguments say: in `configure` the length of the configuration, in
;; `relabel` the number of rows. All its answers are in memory that is zero: an empty, good answer.
(module
  (memory (export "memory") 1)
  (table $table 1 funcref)
  (global $next (mut i32) (i32.const 4096))

  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at))

  (func (export "weir:plugin/lifecycle@0.1.0#configure") (param i32 i32) (result i32)
    ;; "bad"
    (if (i32.eq (local.get 1) (i32.const 3)) (then unreachable))
    ;; "loop"
    (if (i32.eq (local.get 1) (i32.const 4)) (then (loop $forever (br $forever))))
    (i32.const 64))

  (func (export "weir:plugin/series@0.1.0#wants") (result i32)
    (i32.const 64))

  (func (export "weir:plugin/series@0.1.0#relabel")
    (param $rows i32) (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (global.set $next (i32.const 4096))
    (if (i32.eq (local.get $rows) (i32.const 2)) (then (loop $forever (br $forever))))
    (if (i32.eq (local.get $rows) (i32.const 3)) (then unreachable))
    ;; as many elements of a table as there are, and then the end
    (if (i32.eq (local.get $rows) (i32.const 4)) (then
      (loop $more
        (br_if $more (i32.ne (table.grow $table (ref.null func) (i32.const 100)) (i32.const -1))))
      unreachable))
    ;; a page of memory that nobody gives back
    (if (i32.eq (local.get $rows) (i32.const 5)) (then
      (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))))
    ;; as deep as there are rows
    (if (i32.gt_u (local.get $rows) (i32.const 100)) (then (drop (call $deep (local.get $rows)))))
    (i32.const 64))

  ;; Not in its own tail: each call has its frame.
  (func $deep (param $left i32) (result i32)
    (if (result i32) (i32.eqz (local.get $left))
      (then (i32.const 0))
      (else (i32.add (local.get $left) (call $deep (i32.sub (local.get $left) (i32.const 1)))))))
)
