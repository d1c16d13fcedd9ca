// The jobs of weir's benches/contract.rs.
import { config, plugin } from '#weir';

const EMAIL = /[A-Za-z0-9._+-]+@[A-Za-z0-9_+-]*[.][A-Za-z0-9._+-]*/g;

export default plugin({
  config: { mode: config.text() },

  series: {
    labels: ({ mode }) => (mode === 'filter' ? ['env'] : 'everything'),
    relabel(rows, { mode }) {
      if (mode === 'filter') {
        rows.where('env', 'debug').drop();
        return;
      }
      rows.set('cluster', 'eu-1');
      const pods = rows.without(rows.where('pod', ''));
      pods.set('pod_name', pods.labels('pod'));
      pods.remove('pod');
    },
  },

  logs: {
    process(rows) {
      const gone = rows.containing('DEBUG');
      gone.drop();
      rows.without(gone).containing('@').replace(EMAIL, '<email>');
    },
  },
});
