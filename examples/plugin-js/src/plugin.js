// Which team owns a series or a log stream: by a table in weir's configuration, on metrics and logs alike. Backends of several
// tenants, alerts and dashboards then go by one label, whatever the sources call themselves.
import { config, ConfigError, counter, plugin } from '#weir';

const OWNER = 'team';

export default plugin({
  config: {
    // the label whose value is looked up; `pod` and the like are cut with `strip` first
    by: config.text().default('namespace'),
    // value -> team; a `*` at its end makes a key the beginning of values
    teams: config.table(config.text()),
    // the team of what is in no row of the table; without it, that keeps what it has
    otherwise: config.text().optional(),
    // labels that end here
    strip: config.list(config.text()).default([]),
  },

  setup({ by, teams, otherwise, strip }) {
    const exact = new Map();
    const beginnings = [];
    for (const [key, team] of Object.entries(teams)) {
      if (!team) throw new ConfigError(`config.teams.${key}: name a team`);
      if (key.endsWith('*')) beginnings.push([key.slice(0, -1), team]);
      else exact.set(key, team);
    }
    beginnings.sort(([a], [b]) => b.length - a.length); // the longest says it
    return { by, exact, beginnings, otherwise, strip };
  },

  series: {
    labels: ({ by }) => [by],
    relabel(rows, { by, exact, beginnings, otherwise, strip }) {
      const teamOf = (value) => exact.get(value) ?? beginnings.find(([start]) => value.startsWith(start))?.[1] ?? otherwise;
      // values are few, rows are many: each value is looked up once
      const byTeam = new Map();
      for (const value of new Set(rows.labels(by))) {
        const team = teamOf(value ?? '');
        if (team) byTeam.set(team, [...(byTeam.get(team) ?? []), value ?? '']);
      }
      for (const [team, values] of byTeam) {
        const owned = rows.where(by, new Set(values));
        owned.set(OWNER, team);
        counter('owned', { team }, owned.length);
      }
      for (const name of strip) rows.remove(name);
    },
  },
});
