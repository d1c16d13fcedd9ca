/**
 * The verdicts that weir keeps of a plugin's `series`, for a plugin that decides by something else beside labels and configuration, a
 * table that it fetches, say: `import * as verdicts from '#weir/verdicts'`.
 */

/**
 * What `series` has said no longer holds: weir asks again about every series and every log stream of the pipeline.
 *
 * Usable from `tick`, for it costs the pipeline a start from the beginning; anywhere else it does nothing. It counts only if the call
 * succeeds.
 */
export function forget(): void;
