/* Searching text and reading configuration: against plain loops, and on documents that are cut and changed at random. */
#include "test.h"

static uint32_t random_state = 1;
static uint32_t chance(uint32_t below) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % below;
}

static size_t plain_find(weir_text text, weir_text what) {
    for (size_t i = 0; i + what.len <= text.len; i++)
        if (!what.len || memcmp(text.at + i, what.at, what.len) == 0) return i;
    return WEIR_NONE;
}

static void finding(void) {
    for (int round = 0; round < 100000; round++) {
        size_t len = chance(70), needle = chance(round % 2 ? 4 : 20);
        char *text = malloc(len + 1), *what = malloc(needle + 1);
        for (size_t i = 0; i < len; i++) text[i] = (char)('a' + chance(2));
        for (size_t i = 0; i < needle; i++) what[i] = (char)('a' + chance(2));
        text = realloc(text, len ? len : 1); /* a step past the end is seen */
        weir_text t = {text, len}, w = {what, needle};
        CHECK(weir_find(t, w) == plain_find(t, w));
        CHECK(weir_contains(t, w) == (plain_find(t, w) != WEIR_NONE));
        CHECK(weir_find_byte(t, 'b') == plain_find(t, weir_text("b")));
        free(text);
        free(what);
    }
}

static void slices(void) {
    weir_text t = weir_text("hello");
    CHECK(weir_equal(weir_slice(t, 1, 3), "el") && weir_equal(weir_slice(t, 3, 99), "lo"));
    CHECK(weir_slice(t, 9, 99).len == 0 && weir_slice(t, 3, 1).len == 0 && weir_slice((weir_text){0}, 0, 4).len == 0);
    CHECK(weir_starts(t, "he") && !weir_starts(t, "hello!") && weir_starts(t, ""));
}

static void utf8(void) {
    static const char *const good[] = {"", "plain", "z\xc3\xbcrich", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "0123456789abcde\xc3\xa9"};
    static const char *const bad[] = {"\xc3", "\x80", "\xc0\x80", "\xed\xa0\x80", "\xe0\x80\x80", "\xf5\x80\x80\x80", "\xf4\x90\x80\x80", "\xff", "0123456789abcde\xc3", "a\xc3("};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) CHECK(weir_is_utf8_(weir_text(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK(!weir_is_utf8_(weir_text(bad[i])));
}

static weir_text text;
static weir_texts texts;
static double number;
static int64_t whole;
static bool truth;
static bool all_keys(weir_config *config) {
    text = weir_text("unset"), texts = (weir_texts){0}, number = 0, whole = 0, truth = false;
    return weir_required(config, "text", &text) && weir_optional(config, "texts", &texts) && weir_optional(config, "number", &number) &&
           weir_optional(config, "whole", &whole) && weir_optional(config, "truth", &truth);
}
static const weir_wire_result *configure(const char *json) { return weir_run_configure_(all_keys, bytes_of(json, strlen(json))); }
static bool says(const char *json, const char *error) {
    const weir_wire_result *r = configure(json);
    if (r->failed && text_is(r->error, error)) return true;
    fprintf(stderr, "%s: %.*s\n", json, r->failed ? (int)r->error.len : 0, r->failed ? (const char *)r->error.at : "");
    return false;
}

static void keys(void) {
    const weir_wire_result *r = configure(" {\"text\": \"a\\u00fc\\ud83d\\ude00\\n\\\"\\/\", \"texts\":[\"x\",\"\"], \"number\":-1.5e3,\"whole\": 9223372036854775807, \"truth\":true} ");
    CHECK(!r->failed && weir_equal(text, "a\xc3\xbc\xf0\x9f\x98\x80\n\"/") && text.at[text.len] == 0);
    CHECK(texts.count == 2 && weir_equal(texts.at[0], "x") && texts.at[1].len == 0);
    CHECK(number == -1500 && whole == INT64_MAX && truth);
    r = configure("{\"text\":\"\",\"whole\":3.0,\"number\":2,\"texts\":[]}");
    CHECK(!r->failed && text.len == 0 && whole == 3 && number == 2 && texts.count == 0 && !truth);
}

static bool no_keys(weir_config *config) {
    (void)config;
    return true;
}
static void errors_name_the_key(void) {
    CHECK(says("{}", "config: the key \"text\" is missing; it is a string"));
    CHECK(says("{\"text\":1}", "config.text: a number where a string is needed: 1"));
    CHECK(says("{\"text\":\"\",\"texts\":\"x\"}", "config.texts: a string where a list of strings is needed: \"x\""));
    CHECK(says("{\"text\":\"\",\"texts\":[\"x\",1]}", "config.texts: a list where a list of strings is needed: [\"x\",1]"));
    CHECK(says("{\"text\":\"\",\"whole\":1.5}", "config.whole: a number where a whole number is needed: 1.5"));
    CHECK(says("{\"text\":\"\",\"whole\":9223372036854775808}", "config.whole: a number where a whole number is needed: 9223372036854775808"));
    CHECK(says("{\"text\":\"\",\"number\":1e999}", "config.number: a number where a number is needed: 1e999"));
    CHECK(says("{\"text\":\"\",\"truth\":null}", "config.truth: nothing where true or false is needed: null"));
    CHECK(says("{\"text\":\"\",\"tex\":{}}", "config: there is no key \"tex\"; the keys are text, texts, number, whole, truth"));
    CHECK(says("[]", "config: no JSON table: []"));
    const weir_wire_result *r = weir_run_configure_(no_keys, bytes_of("{\"a\":1}", 7));
    CHECK(r->failed && text_is(r->error, "config: there is no key \"a\"; the plugin has none"));
}

static void documents_that_are_none(void) {
    static const char whole_one[] = "{\"text\":\"a\\u00fc\\ud83d\\ude00\",\"texts\":[\"x\",\"y\"],\"number\":-1.5e3,\"whole\":12,\"truth\":false}";
    for (size_t cut = 0; cut < sizeof whole_one - 1; cut++) {
        const weir_wire_result *r = weir_run_configure_(all_keys, bytes_of(whole_one, cut));
        CHECK(r->failed);
    }
    for (int round = 0; round < 100000; round++) {
        char changed[sizeof whole_one];
        memcpy(changed, whole_one, sizeof whole_one);
        for (uint32_t n = 1 + chance(3); n > 0; n--) changed[chance(sizeof whole_one - 1)] = "{}[]\",:\\u0d8e-+.\x01\xff"[chance(18)];
        weir_run_configure_(all_keys, bytes_of(changed, sizeof whole_one - 1));
    }
    char deep[2000] = "{\"text\":";
    memset(deep + 8, '[', sizeof deep - 9);
    CHECK(((const weir_wire_result *)configure(deep))->failed);
}


#define CASE(name) {#name, name, NULL}
int main(void) {
    run_cases((test_case[]){
        CASE(finding), CASE(slices), CASE(utf8), CASE(keys), CASE(errors_name_the_key), CASE(documents_that_are_none),
    }, 6);
}
