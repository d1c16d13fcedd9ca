/* What a plugin asks of others, and what it has weir ask again. */
#include "test.h"

static void an_answer_comes_back_whole(void) {
    weir_named headers[] = {WEIR_LABEL("content-type", "text/csv"), WEIR_LABEL("x", "1"), WEIR_LABEL("x", "2")};
    request_answer = (weir_wire_response){.status = 503, .headers = {headers, 3}, .body = bytes_of("a\0b", 3)};
    weir_http_request request = {.url = weir_text("http://a.example/"), .timeout = 7};
    weir_http_response response;
    CHECK(weir_http_send(&request, &response) == WEIR_HTTP_ANSWERED && response.status == 503 && !response.why.len);
    CHECK(response.body.len == 3 && memcmp(response.body.at, "a\0b", 3) == 0 && response.header_count == 3);
    CHECK(weir_equal(weir_http_header(&response, "Content-Type"), "text/csv") && weir_equal(weir_http_header(&response, "X"), "1"));
    CHECK(!weir_http_header(&response, "conten").len && !weir_http_header(&response, "").len);
    CHECK(strcmp(last_request, "GET http://a.example/ 7 body 0") == 0);
}

static void a_request_goes_out_whole(void) {
    weir_named headers[] = {WEIR_LABEL("accept", "text/csv"), WEIR_LABEL("x-größe", "ü")};
    weir_http_request request = {
        .method = weir_text("PUT"), .url = weir_text("https://b.example"), .headers = headers, .header_count = 2, .body = {"\xff\0", 2},
    };
    weir_http_response response;
    CHECK(weir_http_send(&request, &response) == WEIR_HTTP_ANSWERED && response.status == 0 && !response.header_count);
    CHECK(strcmp(last_request, "PUT https://b.example accept=text/csv x-größe=ü none body 2") == 0);
}

static void what_is_refused(void) {
    static const struct {
        weir_http_outcome how;
        const char *why;
    } refusals[] = {
        {WEIR_HTTP_MALFORMED, "the request makes no sense: words"},
        {WEIR_HTTP_NOT_GRANTED, "requests to words are not granted"},
        {WEIR_HTTP_TOO_LARGE, "words"},
        {WEIR_HTTP_OVER_BUDGET, "more requests than the plugin may make now"},
        {WEIR_HTTP_TIMEOUT, "words"},
        {WEIR_HTTP_FAILED, "words"},
        {WEIR_HTTP_NOT_NOW, "there are no requests from here"},
    };
    weir_http_request request = {.url = weir_text("http://a.example/")};
    for (uint8_t why = 0; why < 7; why++) {
        request_answer = (weir_wire_response){.refused = 1, .why = why, .what = {"words", 5}};
        weir_http_response response;
        memset(&response, 0xaa, sizeof response);
        CHECK(weir_http_send(&request, &response) == refusals[why].how && weir_equal(response.why, refusals[why].why));
        CHECK(!response.status && !response.header_count && !response.body.len);
    }
}

static void what_is_no_text_is_not_sent(void) {
    weir_named bad_name = WEIR_LABEL("\xff", "a"), bad_value = WEIR_LABEL("a", "\xff");
    weir_text good = weir_text("http://a/"), bad = weir_text("http://\xff");
    weir_http_request requests[] = {
        {.url = bad},
        {.url = good, .method = bad},
        {.url = good, .headers = &bad_name, .header_count = 1},
        {.url = good, .headers = &bad_value, .header_count = 1},
    };
    for (size_t i = 0; i < 4; i++) {
        weir_http_response response;
        CHECK(weir_http_send(&requests[i], &response) == WEIR_HTTP_MALFORMED && weir_contains(response.why, "no UTF-8"));
        CHECK(!last_request[0]);
    }
}

static void verdicts_are_forgotten(void) {
    weir_forget_verdicts();
    weir_forget_verdicts();
    CHECK(forgotten == 2);
}

#define CASE(name) {#name, name, NULL}
int main(void) {
    run_cases((test_case[]){
        CASE(an_answer_comes_back_whole),
        CASE(a_request_goes_out_whole),
        CASE(what_is_refused),
        CASE(what_is_no_text_is_not_sent),
        CASE(verdicts_are_forgotten),
    }, 5);
}
