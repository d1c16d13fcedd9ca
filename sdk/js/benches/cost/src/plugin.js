// The job of sdk/benches.
import { config, plugin } from '#weir';

const SECRET = /password=[^ ]*/g;

export default plugin({
  config: { cluster: config.text() },

  series: {
    labels: ['__name__'],
    relabel(rows, { cluster }) {
      const gone = rows.where('__name__', 'container_tasks_state');
      gone.drop();
      rows.without(gone).set('cluster', cluster);
    },
  },

  samples: {
    labels: ['unit'],
    process(rows) {
      const gone = rows.below(0);
      gone.drop();
      rows.where('unit', 's').without(gone).setValues((value) => value * 1000);
    },
  },

  logs: {
    process(rows) {
      const gone = rows.containing('DEBUG');
      gone.drop();
      const kept = rows.without(gone);
      kept.containing('ERROR').setMetadata('level', 'error');
      kept.containing('password=').replace(SECRET, 'password=***');
    },
  },
});
