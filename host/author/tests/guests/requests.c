#include "weir.h"

static weir_text url, by, echo, early;

static bool ask(const weir_http_request *request) {
    weir_http_response answer;
    if (weir_http_send(request, &answer) != WEIR_HTTP_ANSWERED) return weir_error("%.*s", WEIR_PRINT(answer.why));
    if (answer.status != 200) return weir_error("status %d", answer.status);
    by = weir_keep(weir_http_header(&answer, "X-Method"));
    echo = weir_keep(answer.body);
    return true;
}

static bool configure(weir_config *config) {
    if (!weir_required(config, "url", &url)) return false;
    weir_http_response answer;
    weir_http_request other = {.url = weir_text("http://other.example/")};
    if (weir_http_send(&other, &answer) != WEIR_HTTP_NOT_GRANTED || !weir_equal(answer.why, "requests to other.example:80 are not granted"))
        return weir_error("another host: %.*s", WEIR_PRINT(answer.why));
    weir_http_request silent = {.url = weir_format("%.*ssilent", WEIR_PRINT(url)), .timeout = 1};
    if (weir_http_send(&silent, &answer) != WEIR_HTTP_TIMEOUT || !answer.why.len)
        return weir_error("a server that says nothing: %.*s", WEIR_PRINT(answer.why));
    weir_http_request malformed = {.url = url, .method = weir_text("CONNECT")};
    if (weir_http_send(&malformed, &answer) != WEIR_HTTP_MALFORMED || !answer.why.len)
        return weir_error("another method: %.*s", WEIR_PRINT(answer.why));
    return ask(&(weir_http_request){.url = url});
}

static weir_labels wants(void) {
    weir_http_response answer;
    weir_http_request request = {.url = url};
    if (weir_http_send(&request, &answer) == WEIR_HTTP_NOT_NOW) early = weir_keep(answer.why);
    return WEIR_NOTHING;
}

static bool series(weir_batch *batch) {
    weir_each(row, batch) {
        weir_set(batch, row, "by", by);
        weir_set(batch, row, "echo", echo);
        weir_set(batch, row, "early", early);
    }
    return true;
}

static bool tick(int64_t now, bool last) {
    (void)now, (void)last;
    weir_named word = WEIR_LABEL("X-Word", "grüezi");
    weir_forget_verdicts();
    return ask(&(weir_http_request){
        .method = weir_text("PUT"), .url = url, .headers = &word, .header_count = 1, .body = weir_text("größe"),
    });
}

WEIR_PLUGIN(configure)
WEIR_SERIES(wants, series)
WEIR_TICK(15000, tick)
