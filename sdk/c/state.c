/* The plugin's store in weir. */
#include "weir_internal.h"

bool weir_state_get_(weir_text key, weir_text *value) {
    weir_wire_value answer = {0};
    weir_host_state_get(key.at, key.len, &answer);
    if (answer.some) *value = (weir_text){answer.value.at, answer.value.len};
    return answer.some;
}

weir_kept weir_state_set_(weir_text key, weir_text value) {
    weir_wire_kept answer = {0};
    weir_host_state_set(key.at, key.len, value.at, value.len, &answer);
    return !answer.refused ? WEIR_KEPT : answer.why ? WEIR_FULL : WEIR_TOO_LARGE;
}

void weir_state_remove_(weir_text key) { weir_host_state_remove(key.at, key.len); }

weir_texts weir_state_keys_(weir_text prefix) {
    weir_list_ answer = {0};
    weir_host_state_keys(prefix.at, prefix.len, &answer);
    /* a list of strings lies in memory as texts do */
    return (weir_texts){answer.at, answer.len};
}
