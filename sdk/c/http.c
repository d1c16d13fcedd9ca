/* HTTP requests, made by weir. */
#include "weir_internal.h"

static weir_http_outcome refused(weir_http_response *response, weir_http_outcome how, weir_text why) {
    *response = (weir_http_response){.why = why};
    return how;
}

/* What weir would not take for text. */
static bool is_text(weir_text text, weir_http_response *response) {
    if (weir_is_utf8_(text)) return true;
    refused(response, WEIR_HTTP_MALFORMED, weir_format("the request makes no sense: it is no UTF-8: %.*s", WEIR_PRINT(text)));
    return false;
}

/* A refusal for who reads the log. */
static weir_text in_words(weir_http_outcome how, weir_list_ what) {
    weir_text words = {what.at, what.len};
    switch (how) {
    case WEIR_HTTP_MALFORMED: return weir_format("the request makes no sense: %.*s", WEIR_PRINT(words));
    case WEIR_HTTP_NOT_GRANTED: return weir_format("requests to %.*s are not granted", WEIR_PRINT(words));
    case WEIR_HTTP_OVER_BUDGET: return weir_text("more requests than the plugin may make now");
    case WEIR_HTTP_NOT_NOW: return weir_text("there are no requests from here");
    default: return words;
    }
}

weir_http_outcome weir_http_send(const weir_http_request *request, weir_http_response *response) {
    weir_text method = request->method.len ? request->method : weir_text("GET");
    if (!is_text(method, response) || !is_text(request->url, response)) return WEIR_HTTP_MALFORMED;
    for (size_t i = 0; i < request->header_count; i++)
        if (!is_text(request->headers[i].name, response) || !is_text(request->headers[i].value, response)) return WEIR_HTTP_MALFORMED;
    weir_wire_response answer = {0};
    /* a list of headers lies in memory as named texts do */
    weir_host_http_send(method.at, method.len, request->url.at, request->url.len, request->headers, request->header_count,
                        request->body.at, request->body.len, request->timeout > 0, request->timeout, &answer);
    if (answer.refused) {
        weir_http_outcome how = answer.why < WEIR_HTTP_NOT_NOW ? (weir_http_outcome)(WEIR_HTTP_MALFORMED + answer.why) : WEIR_HTTP_NOT_NOW;
        return refused(response, how, in_words(how, answer.what));
    }
    *response = (weir_http_response){
        .status = answer.status,
        .headers = answer.headers.at,
        .header_count = answer.headers.len,
        .body = {answer.body.at, answer.body.len},
    };
    return WEIR_HTTP_ANSWERED;
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c; }

weir_text weir_http_header_(const weir_http_response *response, weir_text name) {
    for (size_t i = 0; i < response->header_count; i++) {
        weir_text there = response->headers[i].name;
        size_t same = 0;
        while (there.len == name.len && same < name.len && lower(there.at[same]) == lower(name.at[same])) same++;
        if (there.len == name.len && same == name.len) return response->headers[i].value;
    }
    return (weir_text){"", 0};
}
