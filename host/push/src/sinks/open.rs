//! From settings to what is needed to run a sink.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use http::{HeaderValue, Uri};
use weir_client::Client;
use weir_queue::Queue;

use super::SinkError;
use crate::batch::BatchSettings;
use crate::protocol::Protocol;
use crate::send::{Endpoint, reserved_header};
use crate::settings::{LokiSettings, QueueSettings, RemoteWriteSettings, RemoteWriteVersion, SendSettings};
use crate::{loki, remote_write};

/// What a sink of either kind is, apart from its encoding.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spec {
    pub(super) component: String,
    pub(super) protocol: Protocol,
    pub(super) name: String,
    pub(super) url: Uri,
    pub(super) client: weir_client::Settings,
    pub(super) tenant: Option<String>,
    pub(super) batch: BatchSettings,
    pub(super) queue: QueueSettings,
    pub(super) sending: SendSettings,
}

/// How its records are encoded.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Encode {
    RemoteWrite(remote_write::Encoding),
    Loki(loki::Encoding),
}

/// All sinks of the settings.
pub(super) fn specs(
    remote_writes: Vec<RemoteWriteSettings>,
    lokis: Vec<LokiSettings>,
) -> Result<Vec<(Spec, Encode)>, SinkError> {
    let specs: Vec<_> = remote_writes.into_iter().map(remote_write).chain(lokis.into_iter().map(loki)).collect();
    let mut components: Vec<_> = specs.iter().map(|(spec, _)| &spec.component).collect();
    components.sort();
    if let Some([component, _]) = components.array_windows().find(|[a, b]| a == b) {
        return Err(SinkError::Duplicate { component: (*component).clone() });
    }
    Ok(specs)
}

fn remote_write(settings: RemoteWriteSettings) -> (Spec, Encode) {
    let protocol = match settings.version {
        RemoteWriteVersion::One => Protocol::RemoteWrite1,
        RemoteWriteVersion::Two => Protocol::RemoteWrite2,
    };
    let encoding = remote_write::Encoding {
        protocol,
        exemplars: settings.send_exemplars,
        native_histograms: settings.send_native_histograms,
        external_labels: settings.external_labels,
        write_relabel: settings.write_relabel,
        batch: settings.batch,
        lanes: usize::from(settings.queue.lanes),
    };
    let spec = Spec {
        component: format!("remote_write.{}", settings.name),
        protocol,
        name: settings.name,
        url: settings.url,
        client: settings.client,
        tenant: None,
        batch: settings.batch,
        queue: settings.queue,
        sending: settings.sending,
    };
    (spec, Encode::RemoteWrite(encoding))
}

fn loki(settings: LokiSettings) -> (Spec, Encode) {
    let encoding = loki::Encoding {
        external_labels: settings.external_labels,
        structured_metadata: settings.structured_metadata,
        batch: settings.batch,
        lanes: usize::from(settings.queue.lanes),
    };
    let spec = Spec {
        component: format!("loki.{}", settings.name),
        protocol: Protocol::Loki,
        name: settings.name,
        url: settings.url,
        client: settings.client,
        tenant: settings.tenant_id,
        batch: settings.batch,
        queue: settings.queue,
        sending: settings.sending,
    };
    (spec, Encode::Loki(encoding))
}

impl Spec {
    /// The sink's endpoint; reads the files that its client's settings name.
    pub(super) fn endpoint(&self) -> Result<Endpoint, SinkError> {
        let component = || self.component.clone();
        if let Some(header) = reserved_header(self.client.headers.iter().map(|(name, _)| name)) {
            return Err(SinkError::Header { component: component(), header });
        }
        let client =
            Client::new(&self.client).map_err(|source| SinkError::Client { component: component(), source })?;
        let tenant = self.tenant.as_deref().map(HeaderValue::from_str).transpose();
        let tenant = tenant.map_err(|_| SinkError::Tenant { component: component() })?;
        // a quarter for all lanes together
        let share = self.queue.max_bytes / (4 * u64::from(self.queue.lanes.max(1)));
        Ok(Endpoint {
            protocol: self.protocol,
            url: self.url.clone(),
            client,
            tenant,
            batch: self.batch,
            share,
            sending: self.sending.clone(),
        })
    }

    /// Opens the sink's queue. Blocks on the disk.
    /// `again`: after it was closed by a reload, whose encoders of before may count another number of lanes.
    pub(super) fn open_queue(&self, data_dir: &Path, again: bool) -> Result<Queue, SinkError> {
        let QueueSettings { lanes, max_bytes, max_age, when_full, sync_interval, sync_bytes, min_free_disk } =
            self.queue.clone();
        let dir = queue_dir(data_dir, &self.component);
        let settings = weir_queue::Settings {
            lanes,
            max_bytes,
            max_age,
            when_full,
            sync_interval,
            sync_bytes,
            min_free_disk,
            former_writers: again,
            ..weir_queue::Settings::new(dir, self.component.clone())
        };
        Queue::open(settings).map_err(|source| SinkError::Queue { component: self.component.clone(), source })
    }
}

/// A queue's directory: the component's name, with every byte that file systems may treat in a way of their own written
/// as `%` and two hex digits.
pub(super) fn queue_dir(data_dir: &Path, component: &str) -> PathBuf {
    let mut name = String::with_capacity(component.len());
    for byte in component.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => name.push(char::from(byte)),
            _ => {
                // writing to a String does not fail
                let _ = write!(name, "%{byte:02x}");
            }
        }
    }
    super::queues_dir(data_dir).join(name)
}
