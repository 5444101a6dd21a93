//! Writes what waits for its batch before that is due: for readers of the file, and for those who are to be answered only
//! when what they asked for outlives us.

use super::Store;
use super::database::DatabaseUse;
use super::trouble::StoreError;

impl Store {
    /// Writes what waits for a batch.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.thread
            .call(|database| {
                database.write_waiting(DatabaseUse::Write);
                Ok(())
            })
            .await
    }

    /// The same, and the file has it before this returns.
    ///
    /// # Errors
    /// Says why it is kept in memory alone.
    pub async fn flush_to_file(&self) -> Result<(), String> {
        self.written(DatabaseUse::Write).await
    }

    /// The same, and it is on disk before this returns, also when the power fails.
    ///
    /// # Errors
    /// Says why it is kept in memory alone.
    pub async fn flush_to_disk(&self) -> Result<(), String> {
        self.written(DatabaseUse::Durable).await
    }

    async fn written(&self, how: DatabaseUse) -> Result<(), String> {
        let is_on_disk = self.thread.call(move |database| {
            database.write_waiting(how);
            Ok(database.is_on_disk())
        });
        match is_on_disk.await {
            Ok(true) => Ok(()),
            Ok(false) => Err(match &*self.watch().borrow() {
                Some(trouble) => trouble.text.clone(),
                None => "the state directory cannot be used".to_owned(),
            }),
            Err(why) => Err(why.to_string()),
        }
    }
}
