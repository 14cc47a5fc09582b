//! What the executor is told by its environment variables.

use std::net::IpAddr;
use std::path::PathBuf;

use cerium_conf::env;

/// The ports to listen on; 0 is any free one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// Shuffle service.
    pub block_manager: u16,
    /// Task service.
    pub task: u16,
}

/// How metrics are served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monitoring {
    /// The port.
    pub port: u16,
    /// The application's namespace and name, with a dot between.
    pub namespace: String,
}

/// A variable that is missing or malformed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    /// It must be set.
    #[error("the environment variable {0} is not set; executors are started by a driver")]
    Missing(&'static str),
    /// It does not read as what it should be.
    #[error("the environment variable {name} is \"{value}\", expected {expected}")]
    Malformed {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it should look like.
        expected: &'static str,
    },
}

/// Who this executor is, who its driver is and what it may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Number within the application.
    pub executor_id: u64,
    /// The application.
    pub application_id: String,
    /// The driver's scheduler as a URL, `http://host:port`.
    pub driver_url: String,
    /// Tasks run at a time.
    pub cores: usize,
    /// Memory for the engine, in bytes.
    pub memory: u64,
    /// The address to listen on and to be reached at.
    pub address: IpAddr,
    /// The ports to listen on.
    pub ports: Ports,
    /// Where metrics are served, if they are.
    pub monitoring: Option<Monitoring>,
    /// Directories for shuffle and spill files.
    pub local_dirs: Vec<PathBuf>,
    /// Directory for the shuffle files of all executors of this machine, which read each other's there.
    pub shuffle_dir: Option<PathBuf>,
}

impl Environment {
    /// Reads the variables through `variable`.
    pub fn read(variable: impl Fn(&str) -> Option<String>, ports: Ports) -> Result<Self, EnvironmentError> {
        let required =
            |name| variable(name).filter(|value| !value.is_empty()).ok_or(EnvironmentError::Missing(name));
        let malformed = |name, value: &str, expected| EnvironmentError::Malformed {
            name,
            value: value.to_string(),
            expected,
        };

        let cores = required(env::SPARK_EXECUTOR_CORES)?;
        let cores = cores
            .parse()
            .ok()
            .filter(|cores| *cores > 0)
            .ok_or_else(|| malformed(env::SPARK_EXECUTOR_CORES, &cores, "a whole number above 0"))?;
        let memory = required(env::SPARK_EXECUTOR_MEMORY)?;
        let mebibytes: u64 = memory
            .strip_suffix('m')
            .and_then(|digits| digits.parse().ok())
            .filter(|mebibytes| *mebibytes > 0)
            .ok_or_else(|| malformed(env::SPARK_EXECUTOR_MEMORY, &memory, "mebibytes such as 1024m"))?;
        let address = variable(env::SPARK_EXECUTOR_POD_IP).unwrap_or_else(|| "127.0.0.1".to_string());
        let address =
            address.parse().map_err(|_| malformed(env::SPARK_EXECUTOR_POD_IP, &address, "an IP address"))?;
        let driver_url = required(env::SPARK_DRIVER_URL)?;
        if !driver_url.starts_with("http://") {
            return Err(malformed(env::SPARK_DRIVER_URL, &driver_url, "http://host:port"));
        }
        let monitoring = variable(env::CERIUM_METRICS_PORT)
            .map(|port| match port.parse() {
                Ok(port) => {
                    let namespace = variable(env::CERIUM_METRICS_NAMESPACE).unwrap_or_default();
                    Ok(Monitoring { port, namespace })
                }
                Err(_) => Err(malformed(env::CERIUM_METRICS_PORT, &port, "a port")),
            })
            .transpose()?;
        let local_dirs: Vec<PathBuf> = required(env::SPARK_LOCAL_DIRS)?
            .split(',')
            .filter(|dir| !dir.is_empty())
            .map(PathBuf::from)
            .collect();
        let executor_id = required(env::SPARK_EXECUTOR_ID)?;
        let executor_id =
            executor_id.parse().map_err(|_| malformed(env::SPARK_EXECUTOR_ID, &executor_id, "a number"))?;
        Ok(Self {
            executor_id,
            application_id: required(env::SPARK_APPLICATION_ID)?,
            driver_url,
            cores,
            memory: mebibytes * 1024 * 1024,
            address,
            ports,
            monitoring,
            local_dirs,
            shuffle_dir: variable(env::CERIUM_SHUFFLE_DIR).filter(|dir| !dir.is_empty()).map(PathBuf::from),
        })
    }

    /// The address as it stands before a port: IPv6 in brackets.
    pub fn host(&self) -> String {
        match self.address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORTS: Ports = Ports { block_manager: 7079, task: 7080 };

    fn variables(changed: &'static str, value: Option<&'static str>) -> impl Fn(&str) -> Option<String> {
        move |name| {
            if name == changed {
                return value.map(str::to_string);
            }
            let value = match name {
                env::SPARK_EXECUTOR_ID => "3",
                env::SPARK_APPLICATION_ID => "spark-1",
                env::SPARK_DRIVER_URL => "http://10.0.0.1:7078",
                env::SPARK_EXECUTOR_CORES => "2",
                env::SPARK_EXECUTOR_MEMORY => "1024m",
                env::SPARK_EXECUTOR_POD_IP => "10.0.0.2",
                env::SPARK_LOCAL_DIRS => "/a,/b",
                _ => return None,
            };
            Some(value.to_string())
        }
    }

    #[test]
    fn reads_all_of_it() {
        let found = Environment::read(variables("", None), PORTS).unwrap();
        assert_eq!(found.memory, 1_073_741_824);
        assert_eq!(found.cores, 2);
        assert_eq!(found.local_dirs, [PathBuf::from("/a"), PathBuf::from("/b")]);
        assert_eq!(found.host(), "10.0.0.2");
    }

    #[test]
    fn addresses_of_version_6_are_bracketed() {
        let found = Environment::read(variables(env::SPARK_EXECUTOR_POD_IP, Some("fd00::7")), PORTS).unwrap();
        assert_eq!(found.host(), "[fd00::7]");
    }

    #[test]
    fn says_which_variable_is_wrong() {
        for (name, value) in [
            (env::SPARK_EXECUTOR_CORES, Some("0")),
            (env::SPARK_EXECUTOR_CORES, Some("two")),
            (env::SPARK_EXECUTOR_MEMORY, Some("1g")),
            (env::SPARK_EXECUTOR_POD_IP, Some("pod")),
            (env::SPARK_DRIVER_URL, Some("spark://x:1")),
            (env::SPARK_EXECUTOR_ID, None),
            (env::SPARK_EXECUTOR_ID, Some("first")),
            (env::SPARK_LOCAL_DIRS, Some("")),
        ] {
            let error = Environment::read(variables(name, value), PORTS).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
