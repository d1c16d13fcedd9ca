/* Building an answer: rows ascend, a row is dropped once, the last change counts, and strings that the batch lacks are added once,
 * whatever the order in which the plugin speaks. */
#include "weir_internal.h"

static void make_room(weir_column_ *column, size_t len) {
    size_t room = column->room ? 2 * column->room : 256;
    if (room < column->len + len) room = column->len + len;
    column->at = weir_grow_(column->at, column->len, room);
    column->room = room;
}

void weir_put_(weir_column_ *column, const void *bytes, size_t len) {
    if (len == 0) return;
    if (column->room - column->len < len) make_room(column, len);
    memcpy(column->at + column->len, bytes, len);
    column->len += len;
}

/* ---- operations ---- */

static uint32_t count_of(const weir_ops_ *ops) { return (uint32_t)(ops->numbers.len / 4 / ops->width); }
static uint32_t row_of(const weir_ops_ *ops, size_t i) { return weir_u32_(ops->numbers.at, i * ops->width); }

static void push(weir_ops_ *ops, const uint32_t *numbers) {
    if (ops->numbers.len) {
        ops->unordered |= numbers[0] < ops->last;
        ops->repeated |= numbers[0] == ops->last;
    }
    ops->last = numbers[0];
    weir_put_(&ops->numbers, numbers, 4 * (size_t)ops->width);
}

/* The order of operations by row; those on one row stay in the order in which they were made: a merge sort from below. */
static uint32_t *ascending(const weir_ops_ *ops) {
    size_t count = count_of(ops);
    uint32_t *order = weir_alloc(4 * count), *other = weir_alloc(4 * count);
    for (size_t i = 0; i < count; i++) order[i] = (uint32_t)i;
    for (size_t run = 1; run < count; run *= 2) {
        for (size_t start = 0; start < count; start += 2 * run) {
            size_t middle = start + run < count ? start + run : count, end = middle + run < count ? middle + run : count;
            size_t a = start, b = middle;
            for (size_t to = start; to < end; to++)
                other[to] = a < middle && (b == end || row_of(ops, order[a]) <= row_of(ops, order[b])) ? order[a++] : order[b++];
        }
        uint32_t *swap = order;
        order = other;
        other = swap;
    }
    return order;
}

static void sort(weir_ops_ *ops) {
    if (!ops->unordered) return;
    size_t count = count_of(ops), size = 4 * (size_t)ops->width;
    uint32_t *order = ascending(ops);
    weir_column_ sorted = {0};
    for (size_t i = 0; i < count; i++) weir_put_(&sorted, ops->numbers.at + order[i] * size, size);
    ops->numbers = sorted;
    ops->unordered = false;
}

/* Rows in order, each once. */
static void sort_distinct(weir_ops_ *ops) {
    if (!ops->unordered && !ops->repeated) return;
    sort(ops);
    size_t count = count_of(ops), kept = 0;
    for (size_t i = 0; i < count; i++)
        if (i == 0 || row_of(ops, i) != row_of(ops, i - 1)) {
            uint32_t row = row_of(ops, i);
            if (kept != i) memcpy(ops->numbers.at + 4 * kept, &row, 4);
            kept++;
        }
    ops->numbers.len = 4 * kept;
}

/* For each row which of its operations was the last; NULL where that is the order in which they were made. */
static uint32_t *last_of_each(const weir_ops_ *ops, size_t *kept) {
    if (!ops->unordered && !ops->repeated) return NULL;
    size_t count = count_of(ops);
    uint32_t *order = ascending(ops);
    *kept = 0;
    for (size_t i = 0; i < count; i++)
        if (i + 1 == count || row_of(ops, order[i]) != row_of(ops, order[i + 1])) order[(*kept)++] = order[i];
    return order;
}

static void pick_eights(weir_column_ *values, const weir_ops_ *ops) {
    size_t kept;
    uint32_t *order = last_of_each(ops, &kept);
    if (!order) return;
    weir_column_ picked = {0};
    for (size_t i = 0; i < kept; i++) weir_put_(&picked, values->at + 8 * (size_t)order[i], 8);
    *values = picked;
}

/* ---- strings ---- */

void weir_close_string_(weir_table_ *table) {
    uint32_t end = (uint32_t)table->text.len;
    weir_put_(&table->ends, &end, 4);
}

weir_text weir_made_(const weir_table_ *table, size_t i) {
    uint32_t start = i ? weir_u32_(table->ends.at, i - 1) : 0, end = weir_u32_(table->ends.at, i);
    return (weir_text){end > start ? (const char *)table->text.at + start : "", end - start};
}

/* FNV-1a: the strings are short. */
static uint32_t hash(weir_text text) {
    uint32_t h = 2166136261;
    for (size_t i = 0; i < text.len; i++) h = (h ^ (unsigned char)text.at[i]) * 16777619;
    return h ^ h >> 15;
}

/* A slot holds the number of an added string plus one; 0 is free. */
static uint32_t *slot_of(weir_answer_ *answer, weir_text text) {
    uint32_t mask = answer->slot_count - 1, at = hash(text) & mask;
    while (answer->slots[at] && !weir_equal_(weir_made_(&answer->added, answer->slots[at] - 1), text)) at = (at + 1) & mask;
    return &answer->slots[at];
}

uint32_t weir_index_of_(weir_answer_ *answer, weir_text text) {
    uint32_t count = (uint32_t)(answer->added.ends.len / 4);
    /* a plugin that sets one label on every row asks for the same two again and again */
    for (int i = 0; i < 2; i++) {
        uint32_t recent = answer->recent[i];
        if (recent < count && weir_equal_(weir_made_(&answer->added, recent), text)) {
            if (i == 1) answer->recent[1] = answer->recent[0], answer->recent[0] = recent;
            return answer->base + recent;
        }
    }
    if (answer->slot_count < 2 * (count + 1)) {
        answer->slot_count = answer->slot_count ? 2 * answer->slot_count : 16;
        answer->slots = weir_alloc(4 * (size_t)answer->slot_count);
        memset(answer->slots, 0, 4 * (size_t)answer->slot_count);
        for (uint32_t i = 0; i < count; i++) *slot_of(answer, weir_made_(&answer->added, i)) = i + 1;
    }
    uint32_t *slot = slot_of(answer, text);
    if (!*slot) {
        weir_put_(&answer->added.text, text.at, text.len);
        weir_close_string_(&answer->added);
        *slot = count + 1;
    }
    answer->recent[1] = answer->recent[0];
    answer->recent[0] = *slot - 1;
    return answer->base + *slot - 1;
}

/* ---- what a plugin says ---- */

weir_answer_ *weir_new_answer_(uint32_t strings) {
    weir_answer_ *a = weir_alloc(sizeof *a);
    *a = (weir_answer_){.base = strings, .recent = {UINT32_MAX, UINT32_MAX}};
    a->dropped.width = a->changed.width = a->timed.width = 1;
    a->removed.width = a->meta_removed.width = 2;
    a->assigned.width = a->meta_assigned.width = 3;
    return a;
}

static void set(weir_answer_ *answer, weir_ops_ *assigned, uint32_t row, weir_text name, weir_text value) {
    uint32_t op[3] = {row, weir_index_of_(answer, name), 0};
    op[2] = weir_index_of_(answer, value);
    push(assigned, op);
}

/* Removals come before assignments in an answer; one that was made after an assignment becomes an assignment of nothing. */
static void unset(weir_answer_ *answer, weir_ops_ *assigned, weir_ops_ *removed, uint32_t row, weir_text name) {
    if (assigned->numbers.len && (assigned->unordered || assigned->last >= row))
        set(answer, assigned, row, name, (weir_text){"", 0});
    else
        push(removed, (uint32_t[]){row, weir_index_of_(answer, name)});
}

void weir_drop_(weir_batch *batch, uint32_t row) { push(&batch->answer_->dropped, &row); }
void weir_set_(weir_batch *batch, uint32_t row, weir_text name, weir_text value) {
    set(batch->answer_, &batch->answer_->assigned, row, name, value);
}
void weir_remove_(weir_batch *batch, uint32_t row, weir_text name) {
    unset(batch->answer_, &batch->answer_->assigned, &batch->answer_->removed, row, name);
}
void weir_set_metadata_(weir_batch *batch, uint32_t row, weir_text name, weir_text value) {
    set(batch->answer_, &batch->answer_->meta_assigned, row, name, value);
}
void weir_remove_metadata_(weir_batch *batch, uint32_t row, weir_text name) {
    unset(batch->answer_, &batch->answer_->meta_assigned, &batch->answer_->meta_removed, row, name);
}
void weir_set_value_(weir_batch *batch, uint32_t row, double value) {
    if (batch->kinds_[row] != WEIR_FLOAT) return;
    push(&batch->answer_->changed, &row);
    weir_put_(&batch->answer_->values, &value, sizeof value);
}
void weir_set_timestamp_(weir_batch *batch, uint32_t row, int64_t nanoseconds) {
    push(&batch->answer_->timed, &row);
    weir_put_(&batch->answer_->times, &nanoseconds, sizeof nanoseconds);
}
void weir_set_line_(weir_batch *batch, uint32_t row, weir_text text) {
    push(&batch->answer_->changed, &row);
    weir_put_(&batch->answer_->lines.text, text.at, text.len);
    weir_close_string_(&batch->answer_->lines);
}
void weir_add_to_line_(weir_batch *batch, uint32_t row, weir_text text, const char *file, int line) {
    weir_answer_ *answer = batch->answer_;
    if (!answer->changed.numbers.len || answer->changed.last != row)
        weir_abort_(file, line, "weir_add_to_line: the text set last is not that of row %u", row);
    weir_put_(&answer->lines.text, text.at, text.len);
    uint32_t end = (uint32_t)answer->lines.text.len;
    memcpy(answer->lines.ends.at + answer->lines.ends.len - 4, &end, 4);
}

/* ---- finishing ---- */

/* Whether all strings are UTF-8: mostly the text is as a whole, and in ASCII. */
bool weir_table_is_utf8_(const weir_table_ *table, size_t *bad) {
    weir_text all = {(const char *)table->text.at, table->text.len};
    bool ascii = true;
    for (size_t i = 0; i < all.len && ascii; i++) ascii = (unsigned char)all.at[i] < 0x80;
    for (*bad = 0; !ascii && *bad < table->ends.len / 4; ++*bad)
        if (!weir_is_utf8_(weir_made_(table, *bad))) return false;
    return true;
}

bool weir_finish_answer_(weir_answer_ *a) {
    size_t bad, kept;
    if (!weir_table_is_utf8_(&a->lines, &bad)) return weir_error("the new text of row %u is no UTF-8", row_of(&a->changed, bad));
    if (!weir_table_is_utf8_(&a->added, &bad)) return weir_error("a label's name or value is no UTF-8: %.*s", WEIR_PRINT(weir_made_(&a->added, bad)));
    uint32_t *order = a->lines.ends.len ? last_of_each(&a->changed, &kept) : NULL;
    if (order) {
        weir_table_ picked = {0};
        for (size_t i = 0; i < kept; i++) {
            weir_text text = weir_made_(&a->lines, order[i]);
            weir_put_(&picked.text, text.at, text.len);
            weir_close_string_(&picked);
        }
        a->lines = picked;
    }
    if (a->values.len) pick_eights(&a->values, &a->changed);
    if (a->times.len) pick_eights(&a->times, &a->timed);
    sort_distinct(&a->dropped);
    sort_distinct(&a->changed);
    sort_distinct(&a->timed);
    sort(&a->assigned);
    sort(&a->removed);
    sort(&a->meta_assigned);
    sort(&a->meta_removed);
    return true;
}
