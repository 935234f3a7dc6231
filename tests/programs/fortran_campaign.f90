! SPDX-License-Identifier: Apache-2.0
! usage: fortran_campaign DIRECTORY CONFIG
! A whole campaign from Fortran.
program fortran_campaign
  use assay
  implicit none
  type(c_ptr) :: campaign
  character(4096) :: directory, config
  integer(c_int64_t) :: ids(100), n, i
  integer(c_int) :: status
  real(c_double) :: inputs(2, 100), drag(1), means(2), deviations(2)

  call get_command_argument(1, directory)
  call get_command_argument(2, config)
  call require(assay_open(directory, campaign) == assay_error_checkpoint, 'no campaign yet')
  call require(index(assay_message(), 'assay.campaign.missing') > 0, 'the message')
  call require(assay_new(directory, config, campaign) == assay_ok, 'assay_new')
  call require(assay_input_size(campaign) == 2, 'assay_input_size')
  do
    status = assay_advance(campaign)
    if (status /= assay_waiting) exit
    n = assay_ask(campaign, 3_c_int64_t, ids, inputs(1, 1))
    call require(n > 0, 'assay_ask')
    do i = 1, n
      drag(1) = inputs(1, i)*inputs(2, i)
      call require(assay_tell(campaign, ids(i), drag, 1_c_int64_t) == assay_ok, 'assay_tell')
    end do
  end do
  call require(status == assay_finished, 'assay_advance')
  inputs(:, 1) = [0.5_c_double, 1.0_c_double]
  inputs(:, 2) = [-0.5_c_double, 0.25_c_double]
  call require(assay_predict(campaign, 2_c_int64_t, inputs(1, 1), means, deviations) == assay_ok, 'assay_predict')
  call require(all(deviations > 0), 'deviations')
  call require(assay_predict(campaign, 2_c_int64_t, inputs(1, 1), means) == assay_ok, 'assay_predict without deviations')
  call require(assay_tell_failed(campaign, 1_c_int64_t, 'too late', .false.) == assay_error_label, 'assay_tell_failed')
  call require(assay_tell_infeasible(campaign, 1_c_int64_t, 'too late') == assay_error_label, 'assay_tell_infeasible')
  call assay_close(campaign)

contains

  subroutine require(good, what)
    logical, intent(in) :: good
    character(*), intent(in) :: what
    if (good) return
    print '(4a)', 'fortran_campaign: ', what, '; ', assay_message()
    stop 1
  end subroutine
end program
